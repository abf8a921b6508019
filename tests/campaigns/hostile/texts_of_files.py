"""Control and direction characters and line breaks in data, names of files and records of runs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

from tests.campaigns.hostile.attempt import Attempt
from tests.campaigns.hostile.texts import BAD, ESCAPED, MET, TENSOR, attempt, recipe
from tests.campaigns.hostile.world import World

_RUN = "20261129-000000-aaaaaa"
_OTHER = "20261129-000001-bbbbbb"
_NAME = "z\x1b[2J\r\u202e\n  expect        FORGED 2: met\n    found     FORGED"  # of a file
_NAME_SHOWN = r"z\\x1b\[2J\\r\\u202e\\n  expect        FORGED 2: met\\n    found     FORGED"


def _table(content: str, *steps: Any) -> Callable[[World], object]:
    def prepare(world: World) -> None:
        world.write("d.csv", content)
        recipe({"recipe": "r", "steps": [{"load": {"source": "d.csv"}}, *steps]})(world)

    return prepare


def _quoted(cell: str) -> str:
    return f'"{cell}"'


_SPLIT = {"split": {"train": 1, "targets": ["nothing"]}}
_TABLES: dict[str, Callable[[World], object]] = {
    "the name of a column whose cell is wrong": _table(f"a,{_quoted(BAD)}\n1,2\n1,x\n"),
    "a cell that is no number": _table(f"a,b\n1,2\n1,{_quoted(BAD)}\n"),
    "two columns of one name": _table(f"{_quoted(BAD)},{_quoted(BAD)}\n1,2\n"),
    "the columns that there are": _table(f"a,{_quoted(BAD)}\n1,2\n3,4\n", _SPLIT),
    "a target that is twice": _table(
        "a,b\n1,2\n3,4\n", {"split": {"train": 1, "targets": [BAD, BAD]}}
    ),
}


def _of_file(name: str, content: str | bytes) -> Callable[[World], object]:
    def prepare(world: World) -> None:
        world.write(name, content)
        recipe({"recipe": "r", "steps": [{"load": {"source": f"./{name}"}}]})(world)

    return prepare


_FILES = {
    "a table that is empty": _of_file(f"{_NAME}.csv", ""),
    "a table with a wrong cell": _of_file(f"{_NAME}.csv", "a,b\n1,x\n"),
    "a table that is not UTF-8": _of_file(f"{_NAME}.csv", b"a,b\n1,\xff\n"),
    "a file of no tensors": _of_file(f"{_NAME}.pt", b"PK no tensors"),
    "a file of no arrays": _of_file(f"{_NAME}.npy", b"\x93NUMPY no"),
    "a file that is no safetensors": _of_file(f"{_NAME}.safetensors", b"\xff" * 20),
    "a suffix of no format": _of_file(f"a.{_NAME}", "1"),
}
_OF_RECIPES = {
    "a recipe that runs": (json.dumps({"recipe": "r", "steps": [TENSOR]}), ["show", "last"]),
    "a recipe that is refused": ('{"recipe": "r", "steps": [], "k": 1}', ["runs"]),
    "a recipe that is not UTF-8": (b"recipe: \xff\n", ["runs"]),
}  # fmt: skip


def _golden(document: Any) -> Callable[[World], object]:
    def prepare(world: World) -> None:
        expect = {"a": {"golden": {"rtol": 0.1}}}
        recipe({"recipe": "r", "steps": [TENSOR], "expect": expect})(world)
        world.write("golden/r.json", json.dumps(document))

    return prepare


_GROUP = {"device": "cpu", "leaves": {"": [1.5, 3]}}
_GOLDENS = {
    "the recipe of golden values": {"recipe": BAD, "values": {"a": _GROUP}},
    "the name of golden values": {"recipe": "r", "values": {BAD: _GROUP}},
    "the device of golden values": {"recipe": "r", "values": {"a": {**_GROUP, "device": BAD}}},
    "a leaf of golden values": {
        "recipe": "r", "values": {"a": {"device": "cpu", "leaves": {f".{BAD}": 1}}},
    },
    "a text of golden values": {
        "recipe": "r", "values": {"a": {"device": "cpu", "leaves": {"": BAD}}},
    },
}  # fmt: skip

_VALUE = {"type": "dict", "items": {BAD: {"type": "str", "value": BAD}}}
_RECORD: dict[str, Any] = {
    "id": _RUN, "recipe": BAD, "about": BAD, "file": f"/x/{BAD}.yaml", "status": "failed",
    "error": BAD, "started": "2026-11-29T00:00:00+00:00", "device": BAD, "dtype": BAD,
    "vars": {BAD: BAD}, "metrics": {BAD: 1.5, "b": {BAD: 2}}, "warnings": [BAD],
    "plan": [{"id": BAD, "step": BAD, "options": {BAD: BAD}, "inputs": {BAD: BAD}},
             {"id": f"{BAD}2", "step": BAD}],
    "steps": [{"id": BAD, "step": BAD, "outputs": {BAD: _VALUE}, "messages": [BAD, "ok"],
               "kept": BAD, "files_read": {f"/x/{BAD}": BAD}, "files_written": {BAD: None},
               "looked_at": {f"env:{BAD}": BAD, f"list:/x/{BAD}": BAD}, "unseen": [BAD],
               "digests": {BAD: BAD}}],
    "expectations": [{"path": BAD, "wanted": BAD, "found": BAD, "met": False, "difference": BAD}],
    "environment": {"python": BAD, "platform": BAD, "device": BAD, "plugins": {BAD: BAD},
                    "packages": {BAD: BAD}, "command": [BAD, BAD]},
    "part": {"from": BAD, "above": [BAD], "left_out": [BAD]},
}  # fmt: skip


def _received(*others: dict[str, Any], events: Any = None) -> Callable[[World], object]:
    """A folder with the record of one run or two."""

    def prepare(world: World) -> None:
        for name, more in zip((_RUN, _OTHER), (*others, None)[:2], strict=False):
            if more is not None:
                record = {**_RECORD, **more, "id": name}
                world.write(f".flowrun/runs/{name}/run.json", json.dumps(record))
        if events is not None:
            lines = [json.dumps(one) for one in events]
            world.write(f".flowrun/runs/{_RUN}/events.jsonl", "\n".join(lines))

    return prepare


_CHANGED = {
    "recipe": f"{BAD}2", "vars": {BAD: "other"}, "error": f"{BAD}2", "status": BAD,
    "environment": {"python": "3", "packages": {BAD: "1"}, "plugins": {BAD: "2"}},
    "plan": [{"id": BAD, "step": "other", "options": {BAD: 2}}], "metrics": {BAD: 3},
}  # fmt: skip
_ENDED = {"event": "step_finished", "step": BAD, "messages": [BAD], "outputs": {BAD: _VALUE}}
_RECORDS: dict[str, tuple[Callable[[World], object], list[str]]] = {
    "the list of runs": (_received({}), ["runs"]),
    "the list of runs by a metric": (_received({"metrics": {BAD: 2}}),
                                     ["runs", "--where", "metrics.c>0"]),
    "a run": (_received({}), ["show", _RUN]),
    "a run that did not end": (_received({"status": "killed", "steps": []}, events=[_ENDED]),
                               ["show", _RUN]),
    "the status of a run": (_received({"status": BAD}), ["show", _RUN]),
    "the start of a run": (_received({"started": BAD}), ["show", _RUN]),
    "a value of a run": (_received({"resolved": {BAD: 1}}), ["show", _RUN, "b"]),
    "two runs that differ": (_received({}, _CHANGED), ["diff", _RUN, _OTHER]),
    "two names of runs": (_received({}, {}), ["show", "2026"]),
    "a run to export": (_received({"resolved": {"recipe": BAD, "steps": [{BAD: 1}]}}),
                        ["export", _RUN]),
}  # fmt: skip


def _odd_run(world: World) -> None:
    world.write(f".flowrun/runs/{_NAME}/run.json", json.dumps(_RECORD))
    world.write(f".flowrun/runs/{_RUN}/run.json", '{"recipe": ')


def _file_names(content: str | bytes) -> Callable[[World], object]:
    return lambda world: world.write(f"{_NAME}.yaml", content)


_UNMET = json.dumps({"recipe": "r", "steps": [TENSOR], "expect": {"a[0]": {"equals": 7}}})

# What a shell would execute, or obey, if it were offered as the end of a word.
_WORDS = ["$(touch PWNED)", "`touch PWNED`", "a;touch PWNED", "a\ntouch PWNED", "\x1b[2J", "a b"]
_SHELLS = {"bash": "bash_complete", "zsh": "zsh_complete", "fish": "fish_complete"}


def _completing(shell: str, *words: str) -> dict[str, str]:
    line = shlex.join(["flowrun", *words])
    last = words[-1] if shell == "fish_complete" else str(len(words))
    return {"_FLOWRUN_COMPLETE": shell, "COMP_WORDS": line, "COMP_CWORD": last}


def _with_variables(world: World) -> None:
    names = dict.fromkeys(["lr", *_WORDS], 1)
    recipe({"recipe": "r", "vars": names, "steps": [TENSOR]})(world)


_NO_WORDS = ["touch", r"\\x1b", "a b"]

ATTEMPTS: list[Attempt] = [
    *(
        attempt(f"{name}, of a table", prepare, ["r.yaml"], codes=(2,), says=[r"\\x1b\[2J"])
        for name, prepare in _TABLES.items()
    ),
    *(
        attempt(f"the name of {name}", prepare, ["r.yaml"], codes=(2, 3), says=[_NAME_SHOWN])
        for name, prepare in _FILES.items()
    ),
    *(
        attempt(f"the name of the file of {name}", _file_names(content), [f"{_NAME}.yaml"], then,
                says=[r"\\x1b\[2J"])
        for name, (content, then) in _OF_RECIPES.items()
    ),
    *(
        attempt(f"{name} that differ", _golden(document), ["r.yaml"], codes=(1, 2, 3),
                says=["golden, rtol 0.1: NOT MET"])
        for name, document in _GOLDENS.items()
    ),
    *(
        attempt(f"the record of {name}", prepare, command, says=[ESCAPED])
        for name, (prepare, command) in _RECORDS.items()
    ),
    attempt("a file that a shell gives as an argument", _file_names(_UNMET),
            ["show", "last", "--json", f"{_NAME}.yaml"], ["graph", "r.yaml", f"{_NAME}.yaml"],
            codes=(2,), says=[r"z\\x1b\[2J\\r\\u202e"]),
    attempt("folders of runs with odd names", _odd_run, ["runs"], ["show", "last"], ["show", "zz"],
            ["diff", "last", _RUN], says=[_NAME_SHOWN]),
    attempt("the name of a recipe's file under test", _file_names(_UNMET), ["test", "-v"],
            codes=(1,), says=[_NAME_SHOWN]),
    attempt("the text of a recipe under test", recipe({"recipe": BAD, "about": BAD,
            "steps": [TENSOR], "expect": {**MET, "a[1]": {"equals": 7}}, "vars": {BAD: BAD}}),
            ["test", "-v", "-rA"], codes=(1,), says=[r"wanted +equals 7"]),
    attempt("a recipe that pytest cannot collect", recipe({"recipe": BAD, "steps": [BAD]}),
            ["test", "-v"], codes=(2,), says=[ESCAPED]),
    *(
        attempt(f"the paths of a recipe in {shell}", _with_variables, [], codes=(0, 1),
                variables=_completing(word, "r.yaml", "--set", "vars."), says=["vars.lr=1"],
                never=_NO_WORDS)
        for shell, word in _SHELLS.items()
    ),
    *(
        attempt(f"the runs of a folder in {shell}", _received({}), [], codes=(0, 1),
                variables=_completing(word, "show", "20"), says=[_RUN])
        for shell, word in _SHELLS.items()
    ),
    attempt("the values of a run in bash", _received({}), [], codes=(0, 1), says=[],
            variables=_completing("bash_complete", "show", _RUN, "z"), never=["z"]),
]  # fmt: skip

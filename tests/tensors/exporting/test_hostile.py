"""A string of a recipe, of a file or of a record is never code in a script."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flowrun as package
from flowrun_tensors.exporting import export_plan
from flowrun_tensors.exporting.text import comment, literal
from tests.conftest import Flowrun
from tests.tensors.exporting.scripts import Python, written

Write = Callable[[str, str], Path]

RUN = '__import__("os").system("touch PWNED")'
HOSTILE = {
    "triple": f'x""" + {RUN} + """',
    "triple_single": f"x''' + {RUN} + '''",
    "quotes": f'x" + {RUN} + "',
    "single": f"x' + {RUN} + '",
    "backslash": f'x\\" + {RUN} + \\"\\',
    "braces": f"{{{RUN}}} %s {{0}} ${{x}} \\N{{DIGIT ONE}}".replace("${", "$"),
    "encoding": "# -*- coding: utf-7 -*- +AAo-import os+AAo- vim: set fileencoding=utf-7 :",
    **{f"break_{ord(one):x}": f"x{one}{RUN}{one}# " for one in
       "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"},
    "bidi": f"x\u202e{RUN}\u2066 #",
    "surrogate": f"x\udc80{RUN}",
    "null": f"x\0{RUN}",
}  # fmt: skip

NOT_IN_RECIPES = ("surrogate", "null", "break_85")  # which a recipe's text cannot hold as they are

PLUGIN = """
from pathlib import Path
from flowrun import Dataset, hookimpl, step

@hookimpl
def flowrun_datasets():
    text = Path("hostile.txt").read_bytes().decode()
    return [Dataset(name="house", about=text, url="https://" + text, filename="house.csv",
                    licence=text, citation=text, sha256="0", standin="standin.csv")]

@step(outputs="said")
def said(*, text: str, **named: str):
    return [text, *named, *named.values()]
"""


def recipe_with(text: str) -> dict[str, Any]:
    """A recipe that has a text in each place where one may stand, and that goes into a script."""
    file = text.replace("/", "-")
    return {
        "recipe": text,
        "about": text,
        "section": text,
        "plugins": ["./own.py"],
        "steps": [
            {"load": {"source": "house"}},
            {"split": {"train": 2, "targets": [text.strip() or "x"]}},
            {"said": {"text": text, "a b": text}},
            {"save": {"to": f"out/{file}.pt", "values": ["X_train"]}},
            {"load": {"source": f"out/{file}.pt", "values": ["again"]}, "id": "again"},
            {"load": {"source": f"{file}.csv", "delimiter": ","}, "id": "third"},
        ],
    }


def structure(script: str) -> str:
    """A script's code with each string in it taken out."""
    tree = ast.parse(script)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


@pytest.fixture
def exported_with(write: Write) -> Callable[[str], Any]:
    """Export the recipe with a text in it; the names of files, columns and data sets too."""

    def export(text: str) -> Any:
        column = text.strip().replace('"', '""')
        table = f'a,"{column}"\n1,2\n3,4\n5,6\n'
        for name in ("standin", text.replace("/", "-")):
            Path(f"{name}.csv").write_text(table, encoding="utf-8", newline="")
        Path("hostile.txt").write_text(text, encoding="utf-8", newline="")
        write("own.py", PLUGIN)
        return export_plan(package.plan(recipe_with(text)))

    return export


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in NOT_IN_RECIPES])
def test_no_text_changes_the_code_of_a_script(
    name: str, exported_with: Callable[[str], Any], torch_alone: Python, tmp_path: Path
) -> None:
    benign = structure(exported_with("no harm").text)
    made = exported_with(HOSTILE[name])
    assert structure(made.text) == benign
    first, second = made.text.split("\n")[:2]
    assert first.startswith("# A recipe of flowrun as a plain script")
    assert second == "#"
    assert all(one.isprintable() for one in made.text.replace("\n", ""))
    if name in ("triple", "break_a", "encoding", "quotes"):
        script = written(made, tmp_path / "out" / "script.py")
        found = torch_alone.values_of({script: made.variables})[script]
        assert found["said"] == [HOSTILE[name], "a b", HOSTILE[name]]
        assert found["again"].tolist() == [[1.0], [3.0]]
        assert not list(tmp_path.rglob("PWNED"))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_text_is_a_literal_or_a_comment(text: str) -> None:
    for value in (text, [text], {text: (text,)}, {"a": {"b": [text, 1.5, None]}}, f"{text}'\"" * 9):
        assert ast.literal_eval(literal(value)) == value
        assert literal(value).isprintable()
    for line in comment(text * 9):
        assert line.startswith("# ")
        assert line.isprintable()
        assert len(line) <= 100


def values_that_no_literal_makes() -> Iterator[Any]:
    yield object()
    yield {"a": [object]}
    yield 1 << 40_000
    yield type("Text", (str,), {"__repr__": lambda self: RUN})("x")


@pytest.mark.parametrize("value", list(values_that_no_literal_makes()), ids=lambda value: "")
def test_what_no_literal_makes_is_refused(value: Any) -> None:
    with pytest.raises(package.FlowrunError):
        literal(value)


def test_the_record_of_a_run_from_elsewhere_is_never_code(
    flowrun: Flowrun, torch_alone: Python, tmp_path: Path
) -> None:
    name = "20261129-000000-aaaaaa"
    run = tmp_path / ".flowrun" / "runs" / name
    run.mkdir(parents=True)
    code = f'x""" + {RUN} + """\n{RUN}\r{RUN}\u2028{RUN}\x85{RUN}'
    options = {"text": code, code: code}
    record = {
        "id": name, "recipe": code, "file": code, "status": "ok", "device": "cpu",
        "started": "2026-11-29T00:00:00+00:00",
        "plan": [{"id": "tensor", "step": "tensor", "folder": f"{tmp_path}/{code}"}],
        "resolved": {"recipe": code, "about": code, "section": code,
                     "steps": [{"tensor": {"a": [1.5]}, "id": "tensor"}],
                     "vars": options, "expect": {}},
    }  # fmt: skip
    (run / "run.json").write_text(json.dumps(record))
    done = flowrun("export", name, "-o", "script.py")
    assert done.returncode == 0, done.stderr
    done = torch_alone("script.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a: tensor([1.5000])\n"
    assert not list(tmp_path.rglob("PWNED"))
    renamed = {"tensor": {"a": 1}, "id": "tensor", "out": {"a": code}}
    typed = {"tensor": {"a": 1.5}, "id": "tensor", "dtype": f"float64); {RUN}; print("}
    steps = [{"tensor": {code: [1]}, "id": "tensor"}, renamed, {"tensor": {}, "id": code}, typed]
    for wrong in [{"dtype": f"float32); {RUN}; print("}, *({"steps": [step]} for step in steps)]:
        resolved = {**record["resolved"], **wrong}
        (run / "run.json").write_text(json.dumps({**record, "resolved": resolved}))
        done = flowrun("export", name, "-o", "other.py")
        assert "Traceback" not in done.stderr
        assert done.returncode == 2
        assert not Path("other.py").exists()
    assert not list(tmp_path.rglob("PWNED"))


def test_names_of_values_are_made_names_of_variables(torch_alone: Python, tmp_path: Path) -> None:
    names = [
        "print",
        "input",
        "torch",
        "_",
        "fox",
        "fix",
        "HERE",
        "csv",
        "match",
        "loss",
        "self",
    ]
    recipe = {"recipe": "r", "steps": [
        {"tensor": {f"v{at}": at for at in range(len(names))},
         "out": {f"v{at}": name for at, name in enumerate(names)}},
    ]}  # fmt: skip
    made = export_plan(package.plan(recipe))
    assert len(set(made.variables.values())) == len(names)
    script = written(made, tmp_path / "script.py")
    values = torch_alone.values_of({script: made.variables})[script]
    assert {name: int(value) for name, value in values.items()} == {
        name: at for at, name in enumerate(names)
    }

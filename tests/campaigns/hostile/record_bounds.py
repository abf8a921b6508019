"""Records of runs with absurd numbers, sizes and depths: read, or named in a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from blake3 import blake3

from tests.campaigns.hostile.attempt import Attempt
from tests.campaigns.hostile.recipe_bounds import SMALL
from tests.campaigns.hostile.world import World

GROUP = "record bounds"
RUNS = ".flowrun/runs"
ONE, OTHER = "20260101-000000-aaaaaa", "20260102-000000-bbbbbb"
_SUMMARY = {"type": "tensor", "shape": [2], "dtype": "float32", "device": "cpu", "bytes": 8}
RECORD: dict[str, Any] = {
    "id": ONE, "recipe": "r", "file": "r.yaml", "started": "2026-01-01T00:00:00.000+00:00",
    "seed": 0, "device": "cpu", "dtype": "float32", "vars": {"v": 1},
    "plan": [{"id": "tensor", "step": "tensor", "plugin": "tensors", "options": {"a": [1.5, 2]},
              "out": {"a": "a"}, "seed": 1, "line": "r.yaml:3:5"}],
    "expect": {"a[0]": {"below": 2}}, "environment": {"python": "3.11.7", "cpus": 2},
    "seconds": 1.5, "status": "ok", "metrics": {"mae": 0.5, "by": {"x": [1, 2]}},
    "steps": [{"id": "tensor", "step": "tensor", "seconds": 0.5, "peak_bytes": 8,
               "outputs": {"a": {**_SUMMARY, "value": [1.5, 2.0]}}, "digests": {"a": "63ed"}}],
    "expectations": [{"path": "a[0]", "wanted": "below 2", "found": "1.5", "met": True,
                      "check": "below", "sizes": {"n": 2}}],
}  # fmt: skip
COMMANDS = {
    "show": ["show", ONE],
    "show of a value": ["show", ONE, "a"],
    "show of an unknown value": ["show", ONE, "b"],
    "runs": ["runs"],
    "runs by a condition": ["runs", "--where", "metrics.mae>1"],
    "runs by an unknown path": ["runs", "--where", "metrics.mea>1"],
    "diff": ["diff", ONE, OTHER],
    "diff the other way": ["diff", OTHER, ONE],
    "explain": ["explain", "r.yaml"],
}
NUMBERS = {
    "401 digits": "1" + "0" * 400,
    "10,001 digits": "1" + "0" * 10_000,
    "the exponent 308": "1e308",
    "the exponent 999999999": "1e999999999",
    "64 bits and a sign": "-9223372036854775809",
}
PLACES: dict[str, tuple[str | int, ...]] = {
    "the seed": ("seed",),
    "the seconds": ("seconds",),
    "the process": ("process",),
    "a metric": ("metrics", "mae"),
    "a variable": ("vars", "v"),
    "an option": ("plan", 0, "options", "a"),
    "a step's seed": ("plan", 0, "seed"),
    "a shape": ("steps", 0, "outputs", "a", "shape", 0),
    "the bytes of a value": ("steps", 0, "outputs", "a", "bytes"),
    "a value": ("steps", 0, "outputs", "a", "value"),
    "the peak of a step": ("steps", 0, "peak_bytes"),
    "the size of a name in a shape": ("expectations", 0, "sizes", "n"),
    "a bound": ("expect", "a[0]", "below"),
    "the number of processors": ("environment", "cpus"),
}


def _with(place: tuple[str | int, ...], text: str, **more: Any) -> str:
    """The text of a record with a piece of JSON at a place."""
    record: Any = json.loads(json.dumps({**RECORD, **more}))
    inner = record
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = "HERE"
    return json.dumps(record, indent=1).replace('"HERE"', text)


def _records(text: str) -> Callable[[World], object]:
    def prepare(world: World) -> None:
        world.write("r.yaml", SMALL)
        world.write(f"{RUNS}/{ONE}/run.json", text)
        world.write(f"{RUNS}/{OTHER}/run.json", json.dumps(RECORD))

    return prepare


def _read(name: str, text: str, command: str) -> Attempt:
    """A command that reads the record: it ends with a result or a line, and in time."""
    return Attempt(
        group=GROUP,
        name=f"{name}, with {command}",
        prepare=_records(text),
        commands=[COMMANDS[command]],
        codes=(0, 1, 2),
        says=[r"\S"],
        never=("Exceeds the limit", "importing"),
    )


_NAMES = list(COMMANDS)
# Each number at each place, by one of the commands in turn.
ATTEMPTS = [
    _read(f"{number} at {place}", _with(PLACES[place], NUMBERS[number]),
          _NAMES[(at + 2 * by) % len(_NAMES)])
    for at, place in enumerate(PLACES)
    for by, number in enumerate(NUMBERS)
    if (at + by) % 2 == 0
]  # fmt: skip
TEXTS = {
    "100,000 brackets": _with(("metrics", "mae"), "[" * 100_000 + "]" * 100_000),
    "metrics 900 deep": _with(("metrics", "mae"), '{"a":' * 900 + "1" + "}" * 900),
    "100,000 metrics": _with(("metrics", "by"), json.dumps({f"m{n}": n for n in range(100_000)})),
    "a metric with a name of a million characters": _with(("metrics", "x" * 1_000_000), "1"),
    "100,000 steps": _with(("steps",), json.dumps(
        [{"id": f"s{n}", "step": "tensor"} for n in range(100_000)])),
    "an error of five million characters": _with(("error",), json.dumps("x" * 5_000_000)),
    "a value of a million numbers": _with(PLACES["a value"], json.dumps([1.5] * 1_000_000)),
    "a shape of 100,000 sizes": _with(
        ("steps", 0, "outputs", "a", "shape"), json.dumps([2] * 100_000)),
    "half a record": json.dumps(RECORD)[:200],
    "zeros": "\0" * 10_000,
    "an array": "[]",
    "a time of the year 99999": _with(("started",), '"99999-01-01T00:00:00"'),
}  # fmt: skip
ATTEMPTS += [
    _read(what, text, command)
    for what, text in TEXTS.items()
    for command in ("show", "runs", "diff")
]


def _events(world: World) -> None:
    _records(_with(("status",), '"running"', steps=[]))(world)
    events = [
        '{"event":"step_finished","step":"tensor","seconds":1e308,"outputs":{"a":'
        '{"type":"tensor","shape":[' + "9" * 5_000 + "]}}}",
        '{"event":"step_finished","step":"tensor","seconds":' + "9" * 5_000 + "}",
        "[" * 100_000,
        "\0" * 1_000,
        *['{"event":"step_started","step":"tensor"}'] * 100_000,
    ]
    world.write(f"{RUNS}/{ONE}/events.jsonl", "\n".join(events))


ATTEMPTS += [
    Attempt(
        group=GROUP,
        name="events of absurd numbers, depth and count",
        prepare=_events,
        commands=[["show", ONE]],
        codes=(0,),
        says=["killed"],
    )
]

# Golden values: read when a run is judged, so torch is imported.
GOLDEN = {
    "10,001 digits": "1" + "0" * 10_000,
    "401 digits": "1" + "0" * 400,
    "100,000 brackets": "[" * 100_000 + "]" * 100_000,
    "900 brackets": "[" * 900 + "]" * 900,
    "a number that is none": '{"number": "zzz"}',
    "a number that is a list": '{"number": []}',
    "no value": '{"type": "torch.Tensor", "dtype": "float32", "shape": [2]}',
    "a text for a tensor":
        '{"type": "torch.Tensor", "dtype": "float32", "shape": [2], "values": "x"}',
    "a deep list for a tensor": '{"type": "torch.Tensor", "dtype": "float32", "shape": [2], '
        f'"values": {"[" * 400}{"]" * 400}}}',
    "a mapping for a number": '{"type": "torch.Tensor", "dtype": "float32", "shape": [2], '
        '"values": [{"a": 1}, 2]}',
    "a size of 401 digits":
        f'{{"type": "torch.Tensor", "dtype": "float32", "shape": [1{"0" * 400}], "values": 1}}',
}  # fmt: skip


def _claiming(strides: int) -> Callable[[World], object]:
    """Golden values in a file whose tensor claims to lie far apart in memory."""

    def prepare(world: World) -> None:
        import torch
        from safetensors.torch import save_file

        _golden('{"type": "torch.Tensor", "dtype": "float32", "shape": [20, 20], "file": true}',
                [[0.5] * 20] * 20)(world)  # fmt: skip
        path = world.project / "golden/r.json"
        document = json.loads(path.read_text())
        document["files"] = {"torch.Tensor": "r.safetensors"}
        document["values"]["a"]["digests"] = {"a": "0" * 64}
        path.write_text(json.dumps(document))
        traits = json.dumps({"a/a": {"strides": [strides, strides + 1]}})
        seal = blake3(traits.encode()).hexdigest(length=16)
        tensors = path.with_name("r.safetensors")
        save_file({"a/a": torch.zeros(20, 20)}, tensors, {"traits": traits, "seal": seal})

    return prepare


def _many_tensors(world: World) -> None:
    """Golden values in a file of 200,000 tensors without elements."""
    _claiming(1)(world)
    one = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    header = json.dumps({str(number): one for number in range(200_000)}).encode()
    content = len(header).to_bytes(8, "little") + header
    (world.project / "golden/r.safetensors").write_bytes(content)


def _long_golden(world: World) -> None:
    _golden("1.5")(world)
    with (world.project / "golden/r.json").open("a") as file:
        file.write(" " * 2**27)


def _golden(text: str, value: object = (1.5, 2)) -> Callable[[World], object]:
    """Golden values of a tensor. value: the one that the step gives."""

    def prepare(world: World) -> None:
        steps = [{"tensor": {"a": value}}]
        world.write(
            "r.yaml", json.dumps({"recipe": "r", "steps": steps, "expect": {"a": "golden"}})
        )
        values = f'{{"a": {{"device": "cpu", "leaves": {{"a": {text}}}}}}}'
        world.write("golden/r.json", f'{{"recipe": "r", "values": {values}}}')

    return prepare


ATTEMPTS += [
    Attempt(
        group=GROUP,
        name=f"{what} in a golden value",
        prepare=_golden(text),
        commands=[["run", "r.yaml"]],
        codes=(0, 1, 2) if what == "no value" else (1, 2),
        says=[r"golden|NOT MET"],
        seconds=60.0,
    )
    for what, text in GOLDEN.items()
]

ATTEMPTS += [
    Attempt(
        group=GROUP,
        name=f"golden values {what}",
        prepare=prepare,
        commands=[["run", "r.yaml"]],
        codes=[1],
        says=[f"cannot be read: {says}"],
    )
    for what, prepare, says in [
        ("of 128 MiB", _long_golden, "it has more than 64 MiB"),
        ("that lie 4 GiB apart", _claiming(2**30), "it is a view of 1,600 bytes that lie within"),
        ("that overlap, 2 GiB apart", _claiming(2**25), "it is a view of 1,600 bytes that lie"),
        ("in a file of 200,000 tensors", _many_tensors, "200,000 tensors, and 100,000 at most"),
    ]
]

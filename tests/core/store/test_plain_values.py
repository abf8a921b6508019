"""What a step can tell of numbers, texts and containers: it is in the digest, and comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import flowrun
from tests.core.store.conftest import World
from tests.kept_values import write_recipe

# Pairs of which the two differ in one property.
PAIRS = {
    "bool and int": ("True", "1"),
    "int and float": ("1", "1.0"),
    "text and number": ("'1'", "1"),
    "sign of zero": ("0.0", "-0.0"),
    "nan": ("float('nan')", "bits(0x7FF8000000000001)"),
    "sign of nan": ("float('nan')", "bits(0xFFF8000000000000)"),
    "more than 64 bits": ("2**70", "2**70 + 1"),
    "more than 4300 digits": ("10**5000", "-10**5000"),
    "half of a pair": ("'\\ud83d'", "'\\ude00'"),
    "two halves": ("'\\ud83d' + '\\ude00'", "'\\U0001f600'"),
    "list and tuple": ("[1, 2]", "(1, 2)"),
    "nested": ("[[1], 2]", "[[1, 2]]"),
    "order of keys": ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
    "type of a key": ("{1: 0}", "{'1': 0}"),
    "type of a key, more": ("{1: 0, '1': 1}", "{'1': 0, 1: 1}"),
    "True as a key": ("{True: 0}", "{1: 0}"),
    "empty": ("[]", "{}"),
    "None": ("[None]", "['None']"),
}
# Instances of subclasses, which would come back as their bases: they are not kept.
WITHOUT = {
    "namedtuple": "collections.namedtuple('Point', 'x y')(1, 2)",
    "subclass of OrderedDict": "Ordered(a=1)",
    "defaultdict of its own": "collections.defaultdict(lambda: 1)",
    "NumPy array of objects": "numpy.array([{}, 1], dtype=object)",
    "subclass of str": "Text('x')",
    "subclass of float": "Number(1.0)",
    "subclass of list": "Items([1])",
    "in a list": "[Text('x')]",
    "as a key": "{Text('x'): 1}",
    "subclass of a type with a codec": "Crate([1])",
}
STEPS = """
import collections, enum, struct
import numpy
from flowrun import Codec, Summary, hookimpl, step

Text = type("Text", (str,), {})
Number = type("Number", (float,), {})
Items = type("Items", (list,), {})
Ordered = type("Ordered", (collections.OrderedDict,), {})
Colour = enum.IntEnum("Colour", ["RED"])
Name = enum.StrEnum("Name", ["RED"])

class Box:
    def __init__(self, content):
        self.content = content

class Crate(Box):
    def __init__(self, content):
        super().__init__(content)
        self.lid = True

@hookimpl
def flowrun_codecs():
    return [Codec(Box, lambda box: Summary("Box"), lambda box: box.content,
                  pack=lambda box: box.content, unpack=Box)]

def bits(number):
    return struct.unpack("<d", struct.pack("<Q", number))[0]

def seen_of(value):
    if isinstance(value, float):
        return ["float", struct.pack("<d", value).hex()]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(seen_of, value)]
    if isinstance(value, dict):
        items = ((seen_of(key), seen_of(item)) for key, item in value.items())
        return [type(value).__name__, *items]
    if isinstance(value, str):
        return ["str", *map(ord, value)]
    return [type(value).__name__, value if value is None else hex(value)]
"""


def digests(result: flowrun.Result) -> dict[str, Any]:
    """The digests of the first step's outputs."""
    found: dict[str, Any] = result.record["steps"][0]["digests"]
    return found


def test_of_two_values_that_a_step_can_tell_apart_the_digests_differ(world: World) -> None:
    codes = [code for pair in PAIRS.values() for code in pair]
    write_recipe(world.folder, STEPS, codes)
    result, _ = world.run()
    found = [digests(result).get(f"t{number}") for number in range(len(codes))]
    assert None not in found
    alike = [
        name for number, name in enumerate(PAIRS) if found[2 * number] == found[2 * number + 1]
    ]
    assert alike == []
    seen = [result.values[f"seen{number}"] for number in range(len(codes))]
    again, called = world.run(set={"vars.n": 2})
    assert set(called) == {"look"}
    assert [again.values[f"seen{number}"] for number in range(len(codes))] == seen
    assert all(one != other for one, other in zip(seen[::2], seen[1::2], strict=True))


@pytest.mark.parametrize("length", [1, 300])
def test_values_too_long_for_their_record_come_back_as_exactly(world: World, length: int) -> None:
    code = f"[[float('nan'), bits(0x7FF8000000000001), 2**70, '\\ud83d', -0.0]] * {length}"
    write_recipe(world.folder, STEPS, [code])
    first, _ = world.run()
    again, called = world.run(set={"vars.n": 2})
    assert called == ["look"]
    assert again.values["seen0"] == first.values["seen0"]
    assert again.record["warnings"] == []


@pytest.mark.parametrize("kind", WITHOUT)
def test_an_instance_of_a_subclass_is_not_kept_as_its_base(world: World, kind: str) -> None:
    write_recipe(world.folder, STEPS, [WITHOUT[kind]], is_looked_at=False)
    result, _ = world.run()
    assert digests(result).get("t0") is None
    assert not list(Path(".flowrun/store").glob("objects/*"))


TWO_CODECS = """
import torch
from flowrun import Codec, Summary, hookimpl, step

class Pair:
    def __init__(self, first, second):
        self.numbers = [first, second]

def write(path, values):
    path.write_text(repr([(name, pair.numbers) for name, pair in values.items()]))

def read(path):
    import ast
    return {name: Pair(*numbers) for name, numbers in ast.literal_eval(path.read_text())}

@hookimpl
def flowrun_codecs():
    return [Codec(Pair, lambda pair: Summary("Pair"), lambda pair: pair.numbers,
                  digest=lambda pair: repr(pair.numbers).encode(), write=write, read=read,
                  suffix=".safetensors")]

def called(name):
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write(name + "\\n")

@step(outputs="t")
def make():
    called("make")
    return {1: Pair(1, 2), "1": Pair(3, 4), "1#": Pair(5, 6), "t": torch.ones(3)}

@step(outputs="seen")
def look(t, *, n: int = 1):
    called("look")
    return [t[1].numbers, t["1"].numbers, t["1#"].numbers, t["t"].tolist()]
"""


def test_leaves_whose_names_or_suffixes_are_alike_are_kept_apart(world: World) -> None:
    (world.folder / "steps.py").write_text(TWO_CODECS)
    world.recipe("[{make: {}, cache: true}, look]")
    first, _ = world.run()
    again, called = world.run(set={"look.n": 2})
    assert called == ["look"]
    assert again.values["seen"] == first.values["seen"] == [[1, 2], [3, 4], [5, 6], [1, 1, 1]]

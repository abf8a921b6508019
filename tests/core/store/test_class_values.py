"""Instances of classes: kept by the class's name and code and by their attributes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import flowrun
from flowrun.store.seals import without_seal
from tests.conftest import Flowrun
from tests.core.store.conftest import World
from tests.kept_values import require_unkept, write_recipe
from tests.sealing import reseal

SHAPES = """
import collections
import dataclasses
import enum
import functools
import typing

import msgspec


class Color(enum.Enum):
    RED = 1
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Word(enum.StrEnum):
    A = "a"


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Point(typing.NamedTuple):
    x: float
    more: object = None


Pair = collections.namedtuple("Pair", "a b")


class Wide(Pair):
    "A named tuple with attributes."


@dataclasses.dataclass
class Base:
    side: float

    def area(self):
        return self.side**2


@dataclasses.dataclass
class Square(Base):
    tags: list = dataclasses.field(default_factory=list)
    more: object = None

    def __post_init__(self):
        called("post_init")

    @functools.cached_property
    def twice(self):
        return 2 * self.side


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    a: int
    more: object = None


T = typing.TypeVar("T")


@dataclasses.dataclass
class Box(typing.Generic[T]):
    content: T


class Record(msgspec.Struct):
    a: int
    more: object = None


class Settled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    a: int


@dataclasses.dataclass
class Node:
    name: str
    parent: object = None
    children: list = dataclasses.field(default_factory=list)


class Outer:
    class Inner(enum.Enum):
        X = 1


def called(name):
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write(name + "\\n")


def extended(value, **attributes):
    vars(value).update(attributes)
    return value


def tree():
    root = Node("root")
    root.children.append(Node("child", root))
    return root


def shared(*items):
    return Square(1.0, list(items), items[0])


def incomplete():
    value = Square(1.0)
    del value.tags
    return value
"""
PREAMBLE = """
import http

from flowrun import step
from shapes import *


def seen_of(value):
    if isinstance(value, Node):
        return [value.name, [child.parent is value for child in value.children]]
    if isinstance(value, Square):
        same = [one is value.more for one in vars(value).get("tags", [])]
        return [str(vars(value)), same]
    return [type(value).__name__, repr(value), str(vars(value)) if type(value) is Wide else ""]
"""
# Of each kind, values that differ in one property from one another.
ALIKE = {
    "Enum": ["Color.RED", "Color.BLUE", "1", "'RED'"],
    "IntEnum": ["Level.LOW", "Level.HIGH", "1"],
    "StrEnum": ["Word.A", "'a'"],
    "Flag": ["Right.READ", "Right.READ | Right.WRITE", "Right(0)"],
    "Python's": ["http.HTTPStatus.OK", "http.HTTPStatus.CREATED", "200"],
    "NamedTuple": ["Point(1.0)", "Point(2.0)", "Point(1.0, [1])", "(1.0, None)", "Pair(1.0, None)"],
    "a subclass of one": ["Wide(1, 2)", "extended(Wide(1, 2), c=3)", "Pair(1, 2)"],
    "dataclass": ["Square(2.0)", "Square(2)", "Square(2.0, ['a'])", "Base(2.0)", "{'side': 2.0}",
                  "extended(Square(2.0), other=1)", "incomplete()"],
    "slots": ["Frozen(1)", "Frozen(2)", "Frozen(1, (1,))"],
    "generic": ["Box(1)", "Box([1])"],
    "Struct": ["Record(1)", "Record(2)", "Record(1, {'a': 1})", "Settled(a=1)"],
    "nested": ["Outer.Inner.X", "[Point(Color.RED)]", "{Color.RED: Frozen(1)}", "{Color.RED}"],
    "cycle": ["tree()", "Node('root')"],
    "one part twice": ["shared([1])", "Square(1.0, [[1]], [1])", "Square(1.0, [Frozen(1)])",
                       "shared([1], [1])"],
    "names": ["Square", "Base", "tree", "shared", "len"],
}  # fmt: skip
CODES = [code for codes in ALIKE.values() for code in codes]


DELETING = """
import dataclasses, os
from pathlib import Path
from flowrun import step

def called(name):
    with open(os.environ["CALLS"], "a") as file:
        file.write(name + "\\n")

@dataclasses.dataclass
class Held:
    path: str

    def __del__(self):
        Path(__file__).with_name(self.path).touch()

@step(outputs="held")
def make():
    \"\"\"Make one.\"\"\"
    called("make")
    return Held("mine")

@step(outputs="n")
def look(held, *, n: int = 1):
    \"\"\"Take it.\"\"\"
    called("look")
    return n
"""


def write(world: World, codes: list[str], **arguments: Any) -> Path:
    (world.folder / "shapes.py").write_text(SHAPES)
    return write_recipe(world.folder, PREAMBLE, codes, **arguments)


def edit(world: World, file: str, old: str, new: str) -> None:
    path = world.folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_each_property_is_in_the_digest_and_comes_back(world: World) -> None:
    write(world, CODES)
    first, _ = world.run()
    again, called = world.run(set={"vars.n": 2})
    assert set(called) == {"look"}  # no `__post_init__` either
    digests: dict[str, Any] = first.record["steps"][0]["digests"]
    start = 0
    for kind, codes in ALIKE.items():
        names = range(start, start + len(codes))
        start += len(codes)
        assert None not in [digests[f"t{number}"] for number in names], kind
        assert len({digests[f"t{number}"] for number in names}) == len(codes), kind
        for number, code in zip(names, codes, strict=True):
            if code not in ("tree", "shared"):  # whose text has an address
                assert again.values[f"seen{number}"] == first.values[f"seen{number}"], code


def test_another_process_reads_them(world: World, flowrun: Flowrun) -> None:
    codes = ["{Right.WRITE: Square(2.0, [Point(1.0)])}", "tree()", "{Color.RED, Color.BLUE}"]
    write(world, codes)
    for run in ("1", "2"):
        done = flowrun("r.yaml", "--set", f"vars.n={run}", fresh=True)
        assert done.returncode == 0, done.stderr
    assert "t1 {name root, parent None, children [1]}" in done.stdout
    calls = Path(os.environ["CALLS"]).read_text().split()
    assert calls == ["make", "post_init", *["look"] * 6]


def test_they_are_shown_expected_and_kept_as_golden_values(world: World, flowrun: Flowrun) -> None:
    write(world, ["Color.RED", "Square(2.0, ['a'])", "Point(1.0, [2, 3])", "Word.A"])
    recipe = world.folder / "r.yaml"
    expect = {
        "t0": {"equals": 1}, "t1.side": {"equals": 2}, "t1.tags": {"equals": ["a"]},
        "t1": "golden", "t2": "golden", "t3": "golden",
    }  # fmt: skip
    recipe.write_text(f'{recipe.read_text()[:-1]}, "expect": {json.dumps(expect)}}}')
    assert flowrun("test", "--update-golden", "r.yaml").returncode == 0
    assert flowrun("test", "r.yaml").returncode == 0
    assert "t0 RED, t1 {side 2, tags [1], more None}" in flowrun("r.yaml").stdout
    edit(world, "steps.py", "Square(2.0, ['a'])", "Square(2.0, ['b'])")
    failed = flowrun("test", "r.yaml")
    assert failed.returncode == 1
    assert "t1" in failed.stdout


USING = """
from flowrun import step
from shapes import Square, called

@step(outputs="shape")
def make():
    called("make")
    return Square(3.0)

@step(outputs="more")
def beside(*, n: int = 1):
    called("beside")
    return n
"""
MEASURING = """
from flowrun import step

@step(outputs="area")
def measure(shape):
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write("measure\\n")
    return shape.area()
"""


def write_using(world: World) -> None:
    """A step makes an instance, and one of a file that does not name the class calls a method."""
    (world.folder / "shapes.py").write_text(SHAPES)
    (world.folder / "steps.py").write_text(USING)
    (world.folder / "measuring.py").write_text(MEASURING)
    world.path.write_text(
        "recipe: r\nplugins: [./steps.py, ./measuring.py]\n"
        "steps: [{make: {}, cache: true}, measure, beside]\n"
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "area"),
    [
        ("shapes.py", "self.side**2", "self.side**3", 27.0),
        ("shapes.py", "called(\"post_init\")", "self.side = 5.0", 25.0),
        ("shapes.py", "class Square(Base):", "class Square(Base):\n    area = lambda self: 1.0\n",
         1.0),
    ],
)  # fmt: skip
def test_a_step_that_calls_a_method_runs_again_if_the_method_changes(
    world: World, file: str, old: str, new: str, area: float
) -> None:
    write_using(world)
    assert world.run()[0].values["area"] == 9.0
    assert world.called() == []
    edit(world, file, old, new)
    result, called = world.run()
    assert result.values["area"] == area
    assert "measure" in called


def test_another_step_of_the_file_does_not_count(world: World) -> None:
    write_using(world)
    world.run()
    edit(world, "steps.py", "return n", "return n + 1")
    assert world.called() == ["beside"]


def test_a_method_that_is_put_into_the_class_counts(world: World) -> None:
    write_using(world)
    assert world.run()[0].values["area"] == 9.0
    put = "\n\ndef other(self):\n    return 7.0\n\n\nBase.area = other\n"
    (world.folder / "measuring.py").write_text(f"from shapes import Base\n{MEASURING}{put}")
    assert world.run()[0].values["area"] == 7.0
    edit(world, "measuring.py", "return 7.0", "return 8.0")
    assert world.run()[0].values["area"] == 8.0


def test_a_method_that_this_process_has_replaced_counts(world: World) -> None:
    write_using(world)
    assert world.run()[0].values["area"] == 9.0
    plan = flowrun.plan(world.path)
    folder = next(one.local for one in plan.registry.plugins.values() if one.local is not None)
    folder.imported["shapes"].Base.area = lambda self: 11.0
    assert flowrun.run_plan(plan).values["area"] == 11.0


def test_a_class_that_a_step_imports_when_it_is_called_is_found(
    world: World, flowrun: Flowrun
) -> None:
    write_using(world)
    edit(world, "steps.py", "from shapes import Square, called\n", "")
    edit(world, "steps.py", "    called(\"make\")\n", "    from shapes import Square, called\n"
         "    called(\"make\")\n")  # fmt: skip
    edit(world, "steps.py", '    called("beside")\n', "")
    assert flowrun("r.yaml", fresh=True).returncode == 0
    Path(os.environ["CALLS"]).write_text("")
    edit(world, "measuring.py", "return shape.area()", "return shape.area() + 1")
    done = flowrun("r.yaml", fresh=True)
    assert "area 10" in done.stdout, done.stderr
    assert Path(os.environ["CALLS"]).read_text().split() == ["measure"]


REGISTERED = {
    "a decorator": """
KNOWN = []

def register(kind):
    KNOWN.append(kind)
    return kind

@register
@dataclasses.dataclass
class Circle:
    side: float
    def area(self): return 3 * self.side
""",
    "__init_subclass__": """
KNOWN = []

class Registered:
    def __init_subclass__(cls):
        KNOWN.append(cls)

@dataclasses.dataclass
class Circle(Registered):
    side: float
    def area(self): return 3 * self.side
""",
    "__subclasses__": """
@dataclasses.dataclass
class Circle(Base):
    side: float
    def area(self): return 3 * self.side

class Known:
    def __getitem__(self, index): return Base.__subclasses__()[-1]

KNOWN = Known()
""",
}


@pytest.mark.parametrize("how", REGISTERED)
def test_a_class_that_its_maker_does_not_name_counts(world: World, how: str) -> None:
    write_using(world)
    (world.folder / "shapes.py").write_text(SHAPES + REGISTERED[how])
    edit(world, "steps.py", "import Square, called", "import KNOWN, called")
    edit(world, "steps.py", "Square(3.0)", "KNOWN[0](3.0)")
    assert world.run()[0].values["area"] == 9.0
    edit(world, "shapes.py", "return 3 * self.side", "return 4 * self.side")
    assert world.run()[0].values["area"] == 12.0


def test_what_the_module_of_a_class_reads_on_import_counts(world: World) -> None:
    write_using(world)
    rate = "\n\nRATE = float((__import__('pathlib').Path(__file__).parent / 'rate').read_text())\n"
    (world.folder / "shapes.py").write_text(SHAPES + rate)
    edit(world, "shapes.py", "self.side**2", "self.side * RATE")
    (world.folder / "rate").write_text("2")
    assert world.run()[0].values["area"] == 6.0
    assert world.called() == []
    (world.folder / "rate").write_text("3")
    assert world.run()[0].values["area"] == 9.0


def test_the_value_of_a_member_that_a_file_gives_counts(world: World) -> None:
    write_using(world)
    given = "\n\nimport json\nKind = enum.Enum('Kind', json.load(open('kinds.json')))\n"
    (world.folder / "shapes.py").write_text(SHAPES + given)
    edit(world, "steps.py", "import Square, called", "import Kind, called")
    edit(world, "steps.py", "Square(3.0)", "Kind.A")
    edit(world, "measuring.py", "shape.area()", "shape.value")
    for value in (1, 2):
        (world.folder / "kinds.json").write_text(json.dumps({"A": value}))
        assert world.run()[0].values["area"] == value
    assert world.called() == []


UNKEPT = {
    "a class of no known form": ("Plain()", "no codec names the type Plain"),
    "a field that cannot be kept": ("Box(Box(lambda: 1))", "its `content.content`: the function"),
    "a class inside a function": ("local()", "its class `local.<locals>.Local` is defined inside"),
    "a dict with fields": ("Mapped()", "it extends `dict`"),
    "a Struct that acts when it is made": ("Acting()", "its class has `__post_init__`"),
    "type arguments": ("Box[int](1)", "its `__orig_class__`: no codec names"),
    "a class of a library": ("pluggy.HookimplOpts", "is of the library pluggy"),
    "a class without a file": ("made_up()", "is not found again"),
    "a replaced class": ("replaced()", "is not the one that `shapes` has now"),
    "a lambda": ("lambda: 1", "is defined inside a function"),
    "a weak reference": ("Box(weakref.ref(Square))", "a weak reference to what is no part"),
}
MORE = """
import weakref

import pluggy


class Plain:
    pass


def local():
    @dataclasses.dataclass
    class Local:
        a: int = 1
    return Local()


@dataclasses.dataclass
class Mapped(dict):
    a: int = 1


class Acting(msgspec.Struct):
    a: int = 1
    def __post_init__(self): pass


def made_up():
    return dataclasses.make_dataclass("Made", ["a"])(1)


def replaced():
    return dataclasses.make_dataclass("Square", ["a"], namespace={"__module__": "shapes"})(1)
"""


@pytest.mark.parametrize("what", UNKEPT)
def test_what_is_not_kept_is_said_with_the_reason(world: World, what: str) -> None:
    code, reason = UNKEPT[what]
    write(world, [code])
    (world.folder / "shapes.py").write_text(SHAPES + MORE)
    require_unkept(world, reason)


CHANGING = """
from flowrun import step
from shapes import *

@step(outputs="shape")
def make():
    return VALUE

@step(outputs="area")
def change(shape):
    CHANGE
    return 1
"""


@pytest.mark.parametrize(
    ("value", "change"),
    [
        ("Square(1.0)", "shape.side = 2.0"),
        ("Square(1.0)", "shape.other = 2.0"),
        ("Square(1.0, [[1]])", "shape.tags[0].append(2)"),
        ("[Record(1)]", "shape[0].a = 2"),
        ("{'a': Point([1])}", "shape['a'].x.append(2)"),
        ("tree()", "shape.children[0].name = 'x'"),
        ("shared([1])", "shape.more = [1]"),
    ],
)
@pytest.mark.parametrize("store", [True, False])
def test_a_step_that_changes_an_instance_fails(
    world: World, value: str, change: str, store: bool
) -> None:
    (world.folder / "shapes.py").write_text(SHAPES)
    text = CHANGING.replace("VALUE", value).replace("CHANGE", change)
    (world.folder / "steps.py").write_text(text)
    world.recipe("[make, change]")
    with pytest.raises(flowrun.StepError, match="has changed its input `shape` in place"):
        world.run(record=store)


def test_a_property_that_is_computed_once_is_no_change(world: World) -> None:
    (world.folder / "shapes.py").write_text(SHAPES)
    text = CHANGING.replace("VALUE", "Square(2.0)").replace("CHANGE", "assert shape.twice == 4.0")
    (world.folder / "steps.py").write_text(text)
    world.recipe("[make, change]")
    world.run()


def test_two_folders_with_a_class_of_one_name_share_none(world: World) -> None:
    for name in ("a", "b"):
        folder = world.folder / name
        folder.mkdir()
        (folder / "shapes.py").write_text(SHAPES)
        text = CHANGING.replace("make", f"make_{name}").replace("def change", f"def look_{name}")
        text = text.replace("VALUE", "Square(2.0)").replace(
            "CHANGE", "assert type(shape) is Square"
        )
        (folder / f"of_{name}.py").write_text(text)
    world.path.write_text(
        "recipe: r\nplugins: [./a/of_a.py, ./b/of_b.py]\nsteps: [make_a, look_a, make_b, look_b]\n"
    )
    for _ in range(2):
        result, _ = world.run()
        texts = result.record["steps"][0]["messages"]
        assert "two folders of plugins have a `shapes.Square`" in texts[0]


def test_a_store_names_no_class_that_the_plan_does_not_have(world: World) -> None:
    write(world, ["Base(1.0)"])
    world.run()
    bad = world.folder / "bad.py"
    bad.write_text("open('imported', 'w')\nclass Base: pass\n")
    for path in (world.folder / ".flowrun/store/objects").glob("*.json"):
        reseal(path, without_seal(path.read_bytes()).replace(b'"shapes"', b'"bad"'))
    result, called = world.run(set={"vars.n": 2})
    assert called == ["make", "look"]
    assert result.ok
    assert not (world.folder / "imported").exists()


def test_nothing_is_made_of_a_structure_without_ones_seal(world: World) -> None:
    (world.folder / "steps.py").write_text(DELETING)
    world.path.write_text(
        "recipe: r\nplugins: [./steps.py]\nsteps: [{make: {}, cache: true}, look]\n"
    )
    world.run()
    (path,) = (world.folder / ".flowrun/store/objects").glob("*.json")
    path.write_bytes(path.read_bytes().replace(b'"mine"', b'"other"'))
    with pytest.warns(UserWarning, match="it was not made with your key"):
        result, called = world.run(set={"look.n": 2})
    assert called == ["make", "look"]
    assert result.values["n"] == 2
    assert not (world.folder / "other").exists()


def test_a_class_in_a_checkpoint_comes_back(world: World, flowrun: Flowrun) -> None:
    (world.folder / "shapes.py").write_text(SHAPES)
    (world.folder / "steps.py").write_text(
        """
import os
import signal
from collections import OrderedDict
from flowrun import step
from shapes import Square

@step(outputs="seen")
def slow(*, ctx):
    state = ctx.restored or OrderedDict(shape=Square(1.0))
    begun = list(state["shape"].tags)
    for number in range(len(begun), 4):
        ctx.checkpoint(lambda: state)
        state["shape"].tags.append(number)
        if number == 1 and not begun:
            os.kill(os.getpid(), signal.SIGTERM)
    return f"{type(state).__name__} {state['shape'].tags} from {begun}"
"""
    )
    world.recipe("[slow]")
    assert flowrun("r.yaml", fresh=True).returncode == 143
    done = flowrun("r.yaml", fresh=True)
    assert done.returncode == 0, done.stderr
    assert "OrderedDict [0, 1, 2, 3] from [0, 1]" in done.stdout


def test_a_check_says_before_the_run_what_cannot_be_kept(world: World, flowrun: Flowrun) -> None:
    write(world, ["Box(Plain())", "Box(lambda: 1)", "local()", "Square(1.0)", "Color.RED"])
    (world.folder / "shapes.py").write_text(SHAPES + MORE)
    checked = flowrun("check", "r.yaml")
    text = " ".join((checked.stdout + checked.stderr).split())
    for number, reason in enumerate((
        "its `content`: no codec names the type Plain",
        "its `content`: the function `make.<locals>.<lambda>` is defined inside a function",
        "its class `local.<locals>.Local` is defined inside a function",
    )):  # fmt: skip
        assert f"`t{number}` cannot be kept, so each step that takes it" in text
        assert f"after this one: {reason}" in text
    assert "`t3` cannot" not in text
    assert "`t4` cannot" not in text
    assert checked.returncode == 0

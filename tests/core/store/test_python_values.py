"""Values of Python's own classes: each is kept whole, and each property of it is in its digest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import flowrun
from flowrun.store.structures import put_together
from flowrun.values.python_types import PYTHON_TYPES
from tests.conftest import Flowrun
from tests.core.store.conftest import World
from tests.kept_values import write_recipe

# Of each class, values that differ in one property from one another.
ALIKE = {
    "OrderedDict": ["OrderedDict(a=1, b=2)", "OrderedDict(b=2, a=1)", "dict(a=1, b=2)"],
    "defaultdict": ["defaultdict(int, a=1)", "defaultdict(list, a=1)", "defaultdict(None, a=1)"],
    "Counter": ["Counter('aab')", "Counter('baa')", "Counter('aabb')", "dict(a=2, b=1)"],
    "deque": ["deque([1, 2])", "deque([1, 2], 2)", "deque([2, 1])", "[1, 2]"],
    "set": ["{1, 'a'}", "{1.0, 'a'}", "frozenset([1, 'a'])", "{1}", "set()"],
    "nested sets": ["{frozenset([1, 2])}", "{frozenset([1]), frozenset([2])}"],
    "range": ["range(3)", "range(0, 3, 2)", "range(1, 3)", "[0, 1, 2]"],
    "slice": ["slice(1, None)", "slice(1, 2)", "slice(None, 1)"],
    "complex": ["1 + 2j", "1 - 2j", "complex(-0.0, 2)", "complex(0.0, 2)"],
    "bytes": ["b'ab'", "b'a\\x00'", "bytearray(b'ab')", "'ab'", "b''"],
    "Decimal": ["Decimal('1.1')", "Decimal('1.10')", "Decimal('-0')", "Decimal('0')", "1.1"],
    "Fraction": ["Fraction(1, 3)", "Fraction(1, 2)", "Fraction(1)", "1"],
    "date": ["date(2020, 1, 2)", "date(2020, 2, 1)", "datetime(2020, 1, 2)"],
    "datetime": [
        "datetime(2020, 1, 2, 3, 4, 5, 6)", "datetime(2020, 1, 2, 3, 4, 5, 6, fold=1)",
        "datetime(2020, 1, 2, 3, 4, 5, 6, timezone.utc)",
        "datetime(2020, 1, 2, 3, 4, 5, 6, timezone(timedelta(0), 'zero'))",
        "datetime(2020, 1, 2, 3, 4, 5, 6, ZoneInfo('Europe/Paris'))",
        "datetime(2020, 1, 2, 3, 4, 5, 6, ZoneInfo('Europe/Berlin'))",
    ],
    "time": ["time(1, 2)", "time(1, 2, fold=1)", "time(1, 2, tzinfo=timezone.utc)"],
    "timedelta": ["timedelta(1)", "timedelta(0, 1)", "timedelta(0, 0, 1)"],
    "UUID": ["uuid.UUID(int=1)", "uuid.UUID(int=2)"],
    "path": ["Path('a')", "Path('/a')", "PurePosixPath('a')", "PureWindowsPath('a')", "'a'"],
}  # fmt: skip
STEPS = """
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from zoneinfo import ZoneInfo

from flowrun import step


def seen_of(value):
    kind = type(value).__name__
    if isinstance(value, (set, frozenset)):
        return [kind, *sorted((seen_of(item) for item in value), key=repr)]
    if isinstance(value, dict):
        return [kind, list(value.items()), repr(value)]
    if isinstance(value, datetime):
        return [kind, repr(value), value.fold]
    return [kind, repr(value)]
"""
RANGE = {"builtins.range": {"packed": {"list": [0, 10**12, 1]}}}
CODES = [code for codes in ALIKE.values() for code in codes]


def test_each_property_is_in_the_digest_and_comes_back(world: World) -> None:
    write_recipe(world.folder, STEPS, CODES)
    first, _ = world.run()
    again, called = world.run(set={"vars.n": 2})
    assert set(called) == {"look"}
    digests: dict[str, Any] = first.record["steps"][0]["digests"]
    assert None not in digests.values()
    start = 0
    for kind, codes in ALIKE.items():
        names = range(start, start + len(codes))
        start += len(codes)
        assert len({digests[f"t{number}"] for number in names}) == len(codes), kind
        seen = [repr(first.values[f"seen{number}"]) for number in names]
        assert len(set(seen)) == len(codes), kind
        assert [repr(again.values[f"seen{number}"]) for number in names] == seen, kind


def test_another_process_with_other_hashes_reads_them(world: World, flowrun: Flowrun) -> None:
    write_recipe(world.folder, STEPS, ["{'a', 'b', 'c', frozenset('xyz')}", "Counter('aab')"])
    for run in ("1", "2"):
        done = flowrun("r.yaml", "--set", f"vars.n={run}", fresh=True)
        assert done.returncode == 0, done.stderr
    assert "t0 [4], t1 {a 2, b 1}  kept" in done.stdout
    calls = Path(os.environ["CALLS"]).read_text().split()
    assert calls == ["make", "look", "look", "look", "look"]


def test_they_are_shown_expected_and_kept_as_golden_values(world: World, flowrun: Flowrun) -> None:
    write_recipe(world.folder, STEPS, ["OrderedDict(a=1)", "date(2020, 1, 2)", "{2, 1}"])
    recipe = world.folder / "r.yaml"
    expect = '"expect": {"t0.a": {"equals": 1}, "t1": {"equals": "2020-01-02"}, "t2": "golden"}'
    recipe.write_text(f"{recipe.read_text()[:-1]}, {expect}}}")
    assert flowrun("test", "--update-golden", "r.yaml").returncode == 0
    assert flowrun("test", "r.yaml").returncode == 0
    done = flowrun("r.yaml")
    assert "t0 {a 1}, t1 2020-01-02, t2 [1, 2]" in done.stdout
    steps = world.folder / "steps.py"
    steps.write_text(steps.read_text().replace("{2, 1}", "{2, 3}"))
    assert "t2" in flowrun("test", "r.yaml").stdout


def test_the_page_on_values_names_every_type() -> None:
    table = (Path(__file__).parents[3] / "docs/values.md").read_text().partition("## What")[0]
    missing = [name for name in PYTHON_TYPES if f"`{name.rpartition('.')[2]}`" not in table]
    assert missing == []


CHANGING = """
from collections import Counter, OrderedDict, deque
from flowrun import step

@step(outputs="value")
def make():
    return VALUE

@step(outputs="first")
def change(value):
    CHANGE
    return 1

@step(outputs="second")
def look(value):
    return repr(value)
"""


@pytest.mark.parametrize(
    ("value", "change"),
    [
        ("OrderedDict(a=[1])", "value['a'].append(2)"),
        ("OrderedDict(a=1)", "value['b'] = 2"),
        ("Counter('ab')", "value.update('c')"),
        ("deque([[1], 2])", "value[0].append(3)"),
        ("{1, 2}", "value.add(3)"),
        ("bytearray(b'a')", "value.extend(b'b')"),
    ],
)
def test_a_step_that_changes_a_container_changes_its_own(
    value: str, change: str, world: World
) -> None:
    text = CHANGING.replace("VALUE", value).replace("CHANGE", change)
    (world.folder / "steps.py").write_text(text)
    world.recipe("[make, look, {change: {}}, {look: {}, out: {second: third}, id: again}]")
    result, _ = world.run()
    assert result.values["second"] == result.values["third"]


CYCLE = """
from flowrun import step

@step(outputs="value")
def make():
    items = []
    items.append(items)
    return items

@step(outputs="count")
def look(value):
    return len(value)
"""


def test_a_value_that_contains_itself_is_refused(world: World) -> None:
    (world.folder / "steps.py").write_text(CYCLE)
    world.recipe("[make, look]")
    with pytest.raises(flowrun.StepError, match="`value` contains itself"):
        world.run()


LARGE = """
from decimal import Decimal
from fractions import Fraction
from flowrun import step

@step(outputs=("data", "fraction", "number"))
def make():
    return bytes(3_000_000), Fraction(10**400, 3), Decimal("sNaN")

@step(outputs="count")
def look(data, fraction, number):
    return len(data)
"""


def test_large_bytes_and_numbers_have_short_lines(world: World, flowrun: Flowrun) -> None:
    (world.folder / "steps.py").write_text(LARGE)
    world.recipe("[{make: {}, cache: true}, look]")
    done = flowrun("r.yaml")
    assert done.returncode == 0, done.stderr
    assert "... (3,000,000 bytes)" in done.stdout
    assert len(done.stdout) < 2000
    assert "kept" in flowrun("r.yaml").stdout


@pytest.mark.parametrize(
    ("kind", "packed"),
    [
        ("builtins.set", RANGE),
        ("collections.deque", {"list": [RANGE, 3]}),
        ("collections.Counter", RANGE),
        ("collections.defaultdict", {"list": [None, RANGE]}),
        ("decimal.Decimal", {"list": [0]}),
    ],
)
def test_a_stored_value_of_other_parts_is_refused(kind: str, packed: Any) -> None:
    with pytest.raises(ValueError, match=r"stored as|is expected"):
        put_together({kind: {"packed": packed}}, {}, None)


def test_a_slice_of_anything_but_whole_numbers_is_not_kept(world: World) -> None:
    write_recipe(world.folder, STEPS, ["slice([1], None)"], is_looked_at=False)
    assert not any(world.run()[0].record["steps"][0]["digests"].values())


ITERATOR = """
from flowrun import step

@step(outputs="items")
def make():
    return (number for number in range(3))

@step(outputs="count")
def use(items):
    return len(list(items))
"""


def test_an_iterator_is_given_to_one_step(world: World) -> None:
    (world.folder / "steps.py").write_text(ITERATOR)
    world.recipe("[make, use]")
    assert world.run()[0].values["count"] == 3
    world.recipe("[make, use, {use: {}, id: again, out: {count: more}}]")
    with pytest.raises(flowrun.StepError, match="`items` is a generator, which a step before"):
        world.run()


NONE = """
from typing import Optional

from flowrun import step

@step(outputs="limit")
def none() -> RETURNS:
    return None

@step(outputs="seen")
def look(limit):
    return limit is None
"""


@pytest.mark.parametrize("returns", ["float | None", "None | float", "Optional[float]"])
@pytest.mark.parametrize("future", ["", "from __future__ import annotations"])
def test_a_step_may_give_none_if_it_says_so(returns: str, future: str, world: World) -> None:
    (world.folder / "steps.py").write_text(future + NONE.replace("RETURNS", returns))
    world.recipe("[none, look]")
    assert world.run()[0].values == {"limit": None, "seen": True}
    assert world.run()[1] == []


@pytest.mark.parametrize("returns", ["float", "None", "list[None]", "dict[str, float | None]"])
def test_none_is_a_forgotten_return_elsewhere(returns: str, world: World) -> None:
    (world.folder / "steps.py").write_text(NONE.replace("RETURNS", returns))
    world.recipe("[none, look]")
    with pytest.raises(flowrun.StepError, match="is a `return` missing"):
        world.run()


UNKEPT = """
from flowrun import step

class Thing:
    pass

@step(outputs="things")
def make():
    return {"a": [Thing()]}

@step(outputs="seen")
def look(things):
    return 1
"""


def test_what_cannot_be_kept_is_said_with_what_follows(world: World, flowrun: Flowrun) -> None:
    (world.folder / "steps.py").write_text(UNKEPT)
    said = (
        "`things` cannot be kept, so each step that takes it runs each time, after this one: "
        "its `a`: no codec names the type Thing"
    )
    world.recipe("[make, look]")
    for _ in range(2):
        assert " ".join(flowrun("r.yaml").stdout.split()).count(said) == 1
    world.recipe("[{make: {}, cache: true}]")
    assert "`cache: true` has no effect on `things`" in " ".join(flowrun("r.yaml").stdout.split())

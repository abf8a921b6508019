"""NumPy's arrays and scalars: kept whole, shown, expected, and not changed in place."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flowrun
from flowrun_tensors.array_codecs import read_arrays, write_arrays
from tests.conftest import Flowrun
from tests.core.store.conftest import World
from tests.kept_values import write_recipe

# Arrays of which each differs in one property from those before it.
DIFFERENT = [
    "np.arange(6.0)", "np.arange(6.0).reshape(2, 3)",
    "np.asfortranarray(np.arange(6.0).reshape(2, 3))", "np.arange(6.0, dtype='f4')",
    "np.arange(6.0, dtype='>f4')", "np.arange(6)", "np.arange(12.0)[::2]", "np.arange(6.0)[::-1]",
    "np.arange(5.0, -1.0, -1.0)", "np.broadcast_to(np.arange(3.0), (2, 3))",
    "np.array(['a', 'bc'])", "np.array(['a', 'bc'], dtype='U5')", "np.array([b'a', b'bc'])",
    "np.array(['2020-01-01'], dtype='M8[D]')", "np.array(['2020-01-01'], dtype='M8[s]')",
    "np.array([(1, 2.0)], dtype=[('a', 'i4'), ('b', 'f8')])",
    "np.array([(1, 2.0)], dtype=[('a', 'i4'), ('c', 'f8')])", "np.array(1.5)", "np.array([1.5])",
    "np.zeros((0, 3))", "np.zeros((3, 0))", "np.array([1 + 2j])", "np.array([0.0])",
    "np.array([-0.0])", "np.array([True])", "np.array([1], dtype='i1')", "read_only()",
    "np.array([1.5], dtype='g')", "np.float64(1.5)", "np.float32(1.5)", "1.5", "np.int64(1)",
    "np.uint8(1)", "np.bool_(True)", "True", "np.str_('a')", "'a'", "np.str_('')",
    "np.datetime64('2020-01-01')", "np.timedelta64(3, 'D')", "np.complex64(1j)",
    "np.longdouble(1.5)",
]  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


STEPS = """
import numpy as np

from flowrun import step


def read_only():
    array = np.ones(3)
    array.flags.writeable = False
    return array


def seen_of(value):
    if isinstance(value, np.ndarray):
        flags = value.flags
        strides = value.strides if value.size > 1 else None
        return [str(value.dtype), list(value.shape), strides, flags.writeable, repr(value.tolist())]
    return [type(value).__name__, repr(value)]
"""


def test_each_property_is_in_the_digest_and_comes_back(world: World) -> None:
    write_recipe(world.folder, STEPS, DIFFERENT)
    first, _ = world.run()
    again, called = world.run(set={"vars.n": 2})
    assert set(called) == {"look"}
    digests: dict[str, Any] = first.record["steps"][0]["digests"]
    assert None not in digests.values()
    assert len(set(digests.values())) == len(DIFFERENT)
    for number, code in enumerate(DIFFERENT):
        assert repr(again.values[f"seen{number}"]) == repr(first.values[f"seen{number}"]), code


def test_they_are_shown_expected_and_kept_as_golden_values(
    world: World,
    flowrun: Flowrun,
) -> None:
    values = ["np.arange(12.0).reshape(3, 4)", "np.float64(0.5)", "{'acc': np.float32(0.25)}"]
    write_recipe(world.folder, STEPS, values)
    recipe = world.folder / "r.yaml"
    expect = (
        '"expect": {"t0": {"shape": [3, 4], "finite": true, "golden": {}}, '
        '"t0[1, 2]": {"equals": 6}, "t1": {"above": 0.4}, "t2.acc": {"equals": 0.25}}'
    )
    recipe.write_text(f"{recipe.read_text()[:-1]}, {expect}}}")
    done = flowrun("test", "--update-golden", "r.yaml")
    assert done.returncode == 0, done.stdout
    done = flowrun("r.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "t0 (3, 4) float64 [[0, 1, 2, ...], ...], t1 0.5, t2 {acc 0.25}" in done.stdout
    steps = world.folder / "steps.py"
    steps.write_text(steps.read_text().replace("np.arange(12.0)", "np.arange(1.0, 13.0)"))
    assert "largest difference 1 at" in flowrun("test", "r.yaml").stdout


CHANGE = """
from collections import deque

import numpy as np

from flowrun import step


@step(outputs="arrays")
def make():
    return VALUE


@step(outputs="one")
def change(arrays):
    CHANGE
    return 1


@step(outputs="total")
def look(arrays):
    return repr(arrays)
"""


@pytest.mark.parametrize("cache", [True, False], ids=["stored", "not stored"])
@pytest.mark.parametrize(
    ("value", "change"),
    [
        ("np.zeros(3)", "arrays += 1"),
        ("{'a': [np.zeros(3)]}", "arrays['a'][0][1] = 1"),
        ("np.zeros((2, 2))", "arrays.shape = (4,)"),
        ("[0.0] * 2000 + [np.zeros(3)]", "arrays[-1][0] = 1"),
        ("deque([np.zeros(3)])", "arrays[0][0] = 1"),
    ],
)
def test_a_step_that_changes_an_array_in_place_fails(
    value: str,
    change: str,
    cache: bool,
    world: World,
) -> None:
    text = CHANGE.replace("VALUE", value).replace("CHANGE", change)
    (world.folder / "steps.py").write_text(text)
    world.recipe("[make, change, look]")
    with pytest.raises(flowrun.StepError, match="changed its input `arrays` in place"):
        world.run(record=cache)


# Of which NumPy writes another dtype, or less: these are not kept.
WITHOUT = [
    "np.arange(3, dtype='q')", "np.zeros(2, np.dtype('f8', metadata={'a': 1}))", "np.longlong(5)",
    "np.str_('a' + chr(0))", "np.bytes_(b'a' + bytes(1))",
    "np.zeros(2, np.dtype([('a', 'i1'), ('b', 'f8')], align=True))",
    "np.zeros(2, np.dtype({'names': ['a'], 'formats': ['i1'], 'itemsize': 9}))",
    "np.array(['a'], np.dtypes.StringDType())",
]  # fmt: skip


def test_what_numpy_writes_otherwise_has_no_digest(world: World) -> None:
    write_recipe(world.folder, STEPS, WITHOUT, is_looked_at=False)
    digests: dict[str, Any] = world.run()[0].record["steps"][0]["digests"]
    assert set(digests.values()) <= {None}


def test_a_step_may_change_the_containers_that_it_is_given(world: World) -> None:
    text = CHANGE.replace("VALUE", "{'a': np.zeros(3)}").replace("CHANGE", "arrays['b'] = 1")
    (world.folder / "steps.py").write_text(text)
    world.recipe("[make, change, look]")
    assert "'b'" not in world.run()[0].values["total"]


def test_a_file_of_arrays_that_claims_far_strides_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_arrays(path, {"v": np.arange(8.0)[::2]})
    assert read_arrays(path)["v"].strides == (16,)
    with zipfile.ZipFile(path) as file:
        array = file.read("0.npy")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("0.npy", array)
        file.writestr("traits.json", json.dumps({"v": [[4], {"strides": [10**12]}]}))
    with pytest.raises(ValueError, match="strides"):
        read_arrays(path)

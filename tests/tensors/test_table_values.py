"""Tables of polars, pandas and Arrow and SciPy's sparse matrices: kept whole, and not changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import flowrun
from tests.conftest import Flowrun
from tests.core.store.conftest import World
from tests.kept_values import CHANGING, require_unkept, write_recipe

PREAMBLE = {
    "pandas": """
import numpy as np
import pandas as pd
import pyarrow as pa

from flowrun import step


def named(frame, **axes):
    return frame.rename_axis(**axes)


def seen_of(value):
    if type(value) is int:
        return value
    frame = value.to_frame() if isinstance(value, pd.Series) else value
    index, columns = frame.index, frame.columns
    about = [type(value).__name__, repr(getattr(value, "name", None)), repr(frame.dtypes.tolist())]
    about += [type(index).__name__, repr(index), repr(columns)]
    return [*about, repr([[repr(one) for one in row] for row in frame.itertuples()])]
""",
    "polars": """
import datetime
import polars as pl

from flowrun import step


def seen_of(value):
    if type(value) is int:
        return value
    frame = value.to_frame() if isinstance(value, pl.Series) else value
    return [type(value).__name__, repr(frame.schema), repr(frame.to_dict(as_series=False))]
""",
    "pyarrow": """
import pyarrow as pa

from flowrun import step


def seen_of(value):
    if type(value) is int:
        return value
    if isinstance(value, pa.ChunkedArray):
        return [str(value.type), value.to_pylist(), value.num_chunks]
    return [type(value).__name__, str(value.schema), value.to_pylist(), repr(value.schema.metadata)]
""",
    "scipy": """
import numpy as np
import scipy.sparse as sp

from flowrun import step


def matrix(kind, content=((1.0, 0.0), (0.0, 2.0)), dtype=float, **more):
    return kind(np.array(content, dtype), **more)


def wide(matrix):
    matrix.indices = matrix.indices.astype("i8")
    matrix.indptr = matrix.indptr.astype("i8")
    return matrix


def twice(matrix):
    return sp.coo_array((np.ones(2), ([0, 0], [1, 1])), shape=(2, 2))


def seen_of(value):
    if type(value) is int:
        return value
    parts = [getattr(value, name, None) for name in
             ("data", "indices", "indptr", "offsets", "coords", "blocksize",
              "has_canonical_format")]
    return [type(value).__name__, value.shape, repr(parts), repr(value.toarray().tolist()),
            str(getattr(value, "indices", value.data).dtype)]
""",
}
# Of each library, values that differ in one property from one another.
ALIKE = {
    "pandas": [
        "pd.DataFrame({'a': [1, 2]})", "pd.DataFrame({'a': [1.0, 2.0]})",
        "pd.DataFrame({'a': [1, 3]})", "pd.DataFrame({'b': [1, 2]})",
        "pd.DataFrame({'a': np.array([1, 2], 'i4')})", "pd.DataFrame({'a': [1, 2]}, index=[1, 2])",
        "pd.DataFrame({'a': [1, 2]}, index=['x', 'y'])",
        "named(pd.DataFrame({'a': [1, 2]}), index='i')",
        "named(pd.DataFrame({'a': [1, 2]}), columns='c')",
        "pd.DataFrame({'a': [1, 2]}, index=pd.RangeIndex(3, 7, 2))",
        "pd.DataFrame({'a': [1, 2]}, index=pd.date_range('2020', periods=2, freq='D'))",
        "pd.DataFrame({'a': [1, 2]}, index=pd.DatetimeIndex(['2020-01-01', '2020-01-02']))",
        "pd.DataFrame({'a': [1, 2]}, index=pd.period_range('2020', periods=2, freq='D'))",
        "pd.DataFrame({'a': [1, 2]}, index=pd.period_range('2020', periods=2, freq='M'))",
        "pd.DataFrame({'a': [1, 2]}, index=pd.timedelta_range(0, periods=2, freq='D'))",
        "pd.DataFrame({'a': [1, 2]}, index=pd.MultiIndex.from_tuples([(1, 'a'), (2, 'b')]))",
        "pd.DataFrame([[1, 2]])", "pd.DataFrame([[1, 2]], columns=['0', '1'])",
        "pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([(1, 'a'), (2, 'b')]))",
        "pd.DataFrame({'a': pd.array([1, None], dtype='Int64')})",
        "pd.DataFrame({'a': [1, None]})", "pd.DataFrame({'a': ['x', None]})",
        "pd.DataFrame({'a': pd.Series(['x', None], dtype=object)})",
        "pd.DataFrame({'a': pd.array(['x', None], dtype='string')})",
        "pd.DataFrame({'a': pd.Categorical(['x', 'y'])})",
        "pd.DataFrame({'a': pd.Categorical(['x', 'y'], ordered=True)})",
        "pd.DataFrame({'a': pd.Categorical(['x', 'y'], ['y', 'x'])})",
        "pd.DataFrame({'a': pd.date_range('2020', periods=2)})",
        "pd.DataFrame({'a': pd.date_range('2020', periods=2, tz='UTC')})",
        "pd.DataFrame({'a': [True, False]})", "pd.DataFrame({'a': []})", "pd.DataFrame()",
        "pd.DataFrame({'a': pd.array([1, 2], dtype=pd.ArrowDtype(pa.int64()))})",
        "pd.Series([1, 2])", "pd.Series([1, 2], name='a')", "pd.Series([1, 2], index=[1, 2])",
        "pd.Series([1, 2], name=0)", "pd.Series(['x', 'y'])",
    ],
    "polars": [
        "pl.DataFrame({'a': [1, 2]})", "pl.DataFrame({'a': [1.0, 2.0]})",
        "pl.DataFrame({'a': [1, None]})", "pl.DataFrame({'b': [1, 2]})",
        "pl.DataFrame({'a': [1, 2]}, schema={'a': pl.Int8})",
        "pl.DataFrame({'a': [1, 2]}, schema={'a': pl.Int128})",
        "pl.DataFrame({'a': ['x', 'y']})",
        "pl.DataFrame({'a': ['x', 'y']}, schema={'a': pl.Categorical})",
        "pl.DataFrame({'a': ['x', 'y']}, schema={'a': pl.Enum(['x', 'y'])})",
        "pl.DataFrame({'a': ['x', 'y']}, schema={'a': pl.Enum(['y', 'x'])})",
        "pl.DataFrame({'a': [[1], [2, 3]]})", "pl.DataFrame({'a': [{'x': 1}, {'x': 2}]})",
        "pl.DataFrame({'a': [datetime.date(2020, 1, 1)]})",
        "pl.DataFrame({'a': [float('nan'), 1.0]})", "pl.DataFrame()", "pl.DataFrame({'a': []})",
        "pl.DataFrame({'a': [1, 2, 3, 4]})[1:3]", "pl.DataFrame({'a': [2, 1, 3]}).sort('a')",
        "pl.Series([1, 2])", "pl.Series('a', [1, 2])", "pl.Series('a', [1, 2], dtype=pl.Int8)",
    ],
    "pyarrow": [
        "pa.table({'a': [1, 2]})", "pa.table({'a': pa.array([1, 2], pa.int8())})",
        "pa.table({'a': [1, None]})", "pa.table({'b': [1, 2]})",
        "pa.table({'a': [1, 2]}).replace_schema_metadata({'k': 'v'})",
        "pa.table({'a': pa.chunked_array([[1], [2]])})",
        "pa.table({'a': pa.array(['x', 'y']).dictionary_encode()})", "pa.table({'a': ['x', 'y']})",
        "pa.table([pa.array([1, 2])], schema=pa.schema([pa.field('a', pa.int64(), False)]))",
        "pa.record_batch({'a': [1, 2]})", "pa.chunked_array([[1, 2]])",
        "pa.chunked_array([[1], [2]])", "pa.table({'a': [1, 2, 3]})[1:]",
    ],
    "scipy": [
        "matrix(sp.csr_array)", "matrix(sp.csr_matrix)", "matrix(sp.csc_array)",
        "matrix(sp.coo_array)", "matrix(sp.bsr_array, blocksize=(1, 1))",
        "matrix(sp.bsr_array, blocksize=(2, 2))", "matrix(sp.dia_array)", "matrix(sp.dia_matrix)",
        "matrix(sp.csr_array, dtype='f4')", "matrix(sp.csr_array, ((1.0, 0.0), (0.0, 3.0)))",
        "matrix(sp.csr_array, ((1.0, 0.0, 0.0), (0.0, 2.0, 0.0)))", "wide(matrix(sp.csr_array))",
        "twice(0)", "twice(0).tocsr()", "sp.coo_array(np.array([0.0, 1.0]))",
    ],
}  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("library", ALIKE)
def test_each_property_is_in_the_digest_and_comes_back(
    world: World, flowrun: Flowrun, library: str
) -> None:
    pytest.importorskip(library)
    codes = ALIKE[library]
    write_recipe(world.folder, PREAMBLE[library], codes)
    first, _ = world.run()
    digests: dict[str, Any] = first.record["steps"][0]["digests"]
    assert None not in digests.values(), first.record["steps"][0]["messages"]
    alike = [code for code, digest in zip(codes, digests.values(), strict=True)
             if list(digests.values()).count(digest) > 1]  # fmt: skip
    assert alike == []
    again, called = world.run(set={"vars.n": 2})
    assert set(called) == {"look"}
    for number, code in enumerate(codes):
        assert again.values[f"seen{number}"] == first.values[f"seen{number}"], code
    done = flowrun("r.yaml", "--set", "vars.n=3", fresh=True)
    assert done.returncode == 0, done.stderr
    assert Path(os.environ["CALLS"]).read_text().split().count("make") == 0
    assert "damaged" not in done.stderr


def test_a_frame_of_before_an_upgrade_of_the_libraries_is_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pandas")
    pyarrow = pytest.importorskip("pyarrow")
    write_recipe(world.folder, PREAMBLE["pandas"], ["pd.DataFrame({'a': [1, 2]})", "0"])
    world.run()
    monkeypatch.setattr(pyarrow, "__version__", "99.0")
    assert world.called(set={"vars.n": 2}) == ["look", "look"]


@pytest.mark.parametrize(("wanted", "code"), [(1.00000001, 0), (1.0001, 1)])
def test_numbers_of_a_table_are_compared_as_those_of_an_array(
    world: World, flowrun: Flowrun, wanted: float, code: int
) -> None:
    pytest.importorskip("polars")
    path = write_recipe(world.folder, PREAMBLE["polars"], ["pl.Series([1.0])", "0"])
    path.write_text(f'{path.read_text()[:-1]}, "expect": {{"t0": {{"equals": [{wanted}]}}}}}}')
    done = flowrun("test", "r.yaml")
    assert done.returncode == code, done.stdout


SHOWN = {
    "pandas": ("pd.DataFrame({'a': [1.5, 2.0], 'b': ['x', 'y']})", "t0 (2, 2)"),
    "polars": ("pl.DataFrame({'a': [1.5, 2.0], 'b': ['x', 'y']})", "t0 (2, 2)"),
    "pyarrow": ("pa.table({'a': [1.5, 2.0], 'b': ['x', 'y']})", "t0 (2, 2)"),
    "scipy": ("matrix(sp.csr_array)", "t0 (2, 2) float64"),
}


@pytest.mark.parametrize("library", SHOWN)
def test_they_are_shown_expected_and_kept_as_golden_values(
    world: World, flowrun: Flowrun, library: str
) -> None:
    pytest.importorskip(library)
    code, shown = SHOWN[library]
    path = write_recipe(world.folder, PREAMBLE[library], [code, "0"])
    expect = '"expect": {"t0": "golden"'
    if library == "scipy":
        expect += "}"
    else:
        expect += ', "t0.a": {"equals": [1.5, 2]}, "t0.b[1]": {"equals": "y"}}'
    path.write_text(f"{path.read_text()[:-1]}, {expect}}}")
    updated = flowrun("test", "--update-golden", "r.yaml")
    assert updated.returncode == 0, updated.stdout
    assert flowrun("test", "r.yaml").returncode == 0
    assert shown in flowrun("r.yaml").stdout
    steps = world.folder / "steps.py"
    steps.write_text(steps.read_text().replace("2.0]", "3.0]").replace("(0.0, 2.0)", "(0.0, 4.0)"))
    failed = flowrun("test", "r.yaml")
    assert failed.returncode == 1
    assert "row 1: 3.0 is not 2.0" in failed.stdout or "found 4, wanted 2" in failed.stdout


UNKEPT = {
    "objects": ("pandas", "pd.DataFrame({'a': [{}, 'x']})", "its column 'a' has objects"),
    "a missing number among texts": (
        "pandas", "pd.DataFrame({'a': pd.Series(['x', np.nan], dtype=object)})", "its column 'a'"),
    "one name twice": ("pandas", "pd.DataFrame([[1, 2]], columns=['a', 'a'])", "Duplicate column"),
    "sparse columns": (
        "pandas", "pd.DataFrame({'a': pd.arrays.SparseArray([0, 1])})", "Sparse pandas data"),
    "complex numbers": ("pandas", "pd.DataFrame({'a': [1j]})", "Unsupported numpy type"),
    "labels of two types": ("pandas", "pd.DataFrame([[1, 2]], columns=['a', 1])", "column labels"),
    "categories with a name": (
        "pandas",
        "pd.DataFrame({'a': pd.Categorical.from_codes([0, 1], pd.Index(['a', 'b'], name='q'))})",
        "have the name 'q'",
    ),
    "hours of business": (
        "pandas",
        "pd.DataFrame({'a': [1, 2]}, index=pd.date_range('2020-01-01 10:00', periods=2, "
        "freq=pd.offsets.BusinessHour(start='10:00')))",
        "of its index is not kept by Arrow",
    ),
    "labels with a frequency": (
        "pandas", "pd.DataFrame([[1, 2]], columns=pd.date_range('2020', periods=2))",
        "of its column labels is not kept by Arrow",
    ),
    "levels that no row has": (
        "pandas",
        "pd.DataFrame({'a': [1, 2]}, index=pd.MultiIndex.from_product([['b', 'a'], [2, 1]])[:2])",
        "level 0 of its index has labels that no row has",
    ),
    "dates with a frequency in a level": (
        "pandas",
        "pd.DataFrame({'a': [1, 2]}, index=pd.MultiIndex.from_arrays("
        "[pd.date_range('2020', periods=2), [1, 2]]))",
        "of level 0 of its index is not kept by Arrow",
    ),
    "a frequency with one's own holidays": (
        "pandas", "pd.DataFrame({'a': [1]}, index=pd.date_range('2020-01-02', periods=1,"
        " freq=pd.offsets.CDay(holidays=['2020-01-01'])))", "of its index is not kept by Arrow"),
    "polars's objects": (
        "polars", "pl.DataFrame({'a': pl.Series([object()], dtype=pl.Object)})", "Object"),
    "a lazy frame": ("polars", "pl.LazyFrame({'a': [1]})", "no codec names the type LazyFrame"),
    "a matrix to be built": ("scipy", "sp.lil_array((2, 2))", "no codec names the type lil_array"),
}  # fmt: skip


@pytest.mark.parametrize("what", UNKEPT)
def test_what_is_not_kept_is_said_with_the_reason(world: World, what: str) -> None:
    library, code, reason = UNKEPT[what]
    pytest.importorskip(library)
    preamble = PREAMBLE[library].replace("def seen_of(value):", "def seen_of(value):\n    return 1")
    write_recipe(world.folder, preamble, [code])
    require_unkept(world, reason)


@pytest.mark.parametrize(
    ("library", "value", "change"),
    [
        ("pandas", "pd.DataFrame({'a': [1, 2]})", "value.loc[0, 'a'] = 5"),
        ("pandas", "pd.DataFrame({'a': [1, 2]})", "value['b'] = 5"),
        ("pandas", "[pd.Series([1, 2])]", "value[0][0] = 5"),
        ("pandas", "pd.DataFrame({'a': [1, 2]})", "value.index = [3, 4]"),
        ("polars", "pl.DataFrame({'a': [1, 2]})", "value[0, 'a'] = 5"),
        ("scipy", "matrix(sp.csr_array)", "value.data[0] = 5"),
        ("scipy", "matrix(sp.csr_array)", "value[0, 1] = 5"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_step_that_changes_a_table_fails(
    world: World, library: str, value: str, change: str
) -> None:
    pytest.importorskip(library)
    text = CHANGING.replace("VALUE", value).replace("CHANGE", change)
    (world.folder / "steps.py").write_text(PREAMBLE[library] + text)
    world.recipe("[make_value, change]")
    with pytest.raises(flowrun.StepError, match="has changed its input `value` in place"):
        world.run()


def test_a_library_that_is_not_used_is_not_imported(world: World, flowrun: Flowrun) -> None:
    (world.folder / "steps.py").write_text(
        "import sys\nfrom flowrun import step\n@step(outputs='names')\ndef make():\n"
        "    return sorted({'pandas', 'polars', 'pyarrow', 'scipy'} & set(sys.modules))\n"
    )
    world.recipe("[make]", "expect: {names: {equals: []}}")
    assert flowrun("r.yaml", fresh=True).returncode == 0

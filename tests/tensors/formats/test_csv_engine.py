"""Large text is read by an engine where one is installed: the values are those of the reader."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import flowrun
from flowrun import StepError
from flowrun_tensors.formats.csv_engine import LARGE, read_large
from tests import processes

Write = Callable[[str, str], Path]


def load(path: Path, dtype: str = "float32", **options: object) -> dict[str, Any]:
    recipe = {
        "recipe": "r", "dtype": dtype, "steps": [{"load": {"source": str(path), **options}}],
    }  # fmt: skip
    return dict(flowrun.run(recipe, record=False).values)


def same_both_ways(
    path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str = "float32", **options: object
) -> torch.Tensor:
    """The table of a file, the same to the bit with the engine and without it."""
    assert path.stat().st_size >= LARGE
    with_engine = load(path, dtype, **options)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pyarrow", None)
        without = load(path, dtype, **options)
    data, expected = with_engine["data"], without["data"]
    assert with_engine["columns"] == without["columns"]
    assert (data.dtype, data.shape, data.stride()) == (
        expected.dtype, expected.shape, expected.stride(),
    )  # fmt: skip
    assert torch.equal(data.view(torch.uint8), expected.view(torch.uint8))
    return data


def long_table(dtype: str = "float64", rows: int = 30_000) -> list[list[str]]:
    """Decimals of every length and every size that a dtype has, many halfway between two others."""
    largest = torch.finfo(getattr(torch, dtype)).max
    draw = random.Random(5)
    forms = (
        lambda: repr(draw.gauss(0, 1)),
        lambda: f"{draw.random():.25f}",
        lambda: f"{draw.gauss(0, 1):.30e}",
        lambda: f"{draw.random() * 10.0 ** draw.randint(-320, 300):.16e}",
        lambda: str(draw.randint(-(10**18), 10**18)),
        lambda: str(2**54 + 2 * draw.randint(0, 10**6) + 1),  # halfway in float64
        lambda: str(2**25 + 2 * draw.randint(0, 10**6) + 1),  # halfway in float32
    )

    def cell() -> str:
        while abs(float(text := draw.choice(forms)())) > largest:
            pass
        return text

    return [[cell() for _ in range(4)] for _ in range(rows)]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_every_number_is_the_same_to_the_bit(
    dtype: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = long_table(dtype)
    text = "\n".join(["a,b,c,d", *map(",".join, table)])
    data = same_both_ways(write("t.csv", text), monkeypatch, dtype)
    expected = torch.tensor([[float(cell) for cell in row] for row in table], dtype=torch.float64)
    assert torch.equal(data, expected.to(getattr(torch, dtype)))


@pytest.mark.parametrize(
    ("dtype", "cell"), [("float32", "1e39"), ("float16", "70000"), ("bfloat16", "-3.4e38")]
)
@pytest.mark.parametrize("has_engine", [True, False])
def test_a_number_too_large_for_the_dtype_is_refused_wherever_it_stands(
    dtype: str, cell: str, has_engine: bool, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{number % 1000}.25,1" for number in range(200_000)]
    path = write("t.csv", "\n".join(["a,b", *rows[:150_000], f"{cell},1", *rows[150_000:]]))
    assert path.stat().st_size >= LARGE
    if not has_engine:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    message = rf"line 150002, column 1 \(a\): `{float(cell):g}` is larger than {dtype} can hold"
    with pytest.raises(StepError, match=message.replace("+", r"\+")):
        load(path, dtype)


PLAIN = [f"{number}.25;-{number}e-3;{number}" for number in range(100_000)]
STYLES = {
    "plain": PLAIN,
    "with names": ["a;b;c", *PLAIN],
    "with names in quotes over two lines": ['"a\nb";"c;d";e', *PLAIN],
    "quoted": [";".join(f'"{cell}"' for cell in row.split(";")) for row in PLAIN],
    "quoted first cells": ['"";"b";"c"', *(f'"{n}";{n}.5;{n}e2' for n in range(100_000))],
    "padded": [row.replace(";", " ; ") for row in PLAIN],
    "blank lines": ["", *PLAIN[:50_000], "", "", *PLAIN[50_000:], "", ""],
}


@pytest.mark.campaign(pairs=True)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["no mark", "mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("style", STYLES)
def test_common_styles_of_text_are_read_by_the_engine(
    style: str, end: str, mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes((mark + end.join(STYLES[style])).encode())
    assert same_both_ways(path, monkeypatch).shape == (100_000, 3)
    if not STYLES[style][0].strip('0123456789.;e- "'):  # no names: the whole text is the table
        table = read_large(path, 0, ";", 3, "float32")
        assert table is not None
        assert len(table) == 100_000


def with_cell(cell: str) -> str:
    """A large text with this cell in its line 70,001."""
    return "\n".join([*PLAIN[:70_000], f"1;2;{cell}", *PLAIN[70_000:]])


@pytest.mark.parametrize(
    ("cell", "number"),
    [("+7", 7), ("\u0661\u0662", 12), ("\u00a07", 7), ('"1\n"', 1), ("1e-400", 0), (".5e+1", 5)],
)
def test_an_odd_cell_is_taken_as_the_reader_takes_it(
    cell: str, number: float, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = same_both_ways(write("t.csv", with_cell(cell)), monkeypatch)
    assert data[70_000].tolist() == [1, 2, number]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("1_0", "line 70001, column 3: `1_0`"),
        ("", "line 70001, column 3: the cell is empty"),
        ("NULL", "line 70001, column 3: `NULL`"),
        ("1e400", "line 70001, column 3: `inf` is not a finite number"),
        ("0x10", "line 70001, column 3: `0x10`"),
        ("7,5", "decimals need a point, not a comma"),
        ('"1"2', "cannot be read as delimited text"),
        ('"1""2"', "line 70001, column 3"),
        ("3;4", "line 70001: 4 cells, but the first line has 3"),
    ],
)
def test_an_odd_cell_is_refused_as_the_reader_refuses_it(
    cell: str, message: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("t.csv", with_cell(cell))
    said = []
    for has_engine in (True, False):
        with monkeypatch.context() as patch:
            if not has_engine:
                patch.setitem(sys.modules, "pyarrow", None)
            with pytest.raises(flowrun.StepError) as caught:
                load(path)
        said.append(caught.value.message)
    assert message in said[0]
    assert said[0] == said[1]


@pytest.mark.parametrize("delimiter", ["|", "\t", " ", "x", "\u00a7"])
def test_any_delimiter_gives_the_same(
    delimiter: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\n".join(PLAIN).replace(";", delimiter)
    data = same_both_ways(write("t.csv", text), monkeypatch, delimiter=delimiter)
    assert data[3].tolist() == pytest.approx([3.25, -0.003, 3])


def test_names_above_nothing_but_blank_lines_are_no_table(write: Write) -> None:
    with pytest.raises(flowrun.StepError, match="no rows below"):
        load(write("t.csv", "a,b\n" + "\n" * LARGE))


def test_a_check_foresees_what_a_large_text_gives(write: Write) -> None:
    path = write("t.csv", "\n".join(["a;b;c", *PLAIN]))
    checked = flowrun.check({"recipe": "r", "steps": [{"load": {"source": str(path)}}]})
    (forecast,) = checked.forecasts
    assert forecast.bytes == load(path)["data"].nbytes


IMPORTED = """
import sys, flowrun
flowrun.run({"recipe": "r", "steps": [{"load": {"source": sys.argv[1]}}]}, record=False)
print("pyarrow" in sys.modules, "pandas" in sys.modules)
"""


def test_a_small_text_costs_no_import_of_the_engine(write: Write) -> None:
    for rows, is_imported in ((1000, False), (100_000, True)):
        path = write("t.csv", "\n".join(PLAIN[:rows]))
        done = processes.run(["-c", IMPORTED, path])
        assert done.stdout.split() == [str(is_imported), "False"]
        assert done.stderr == ""

"""The bounds of data files: what people save lies far within, and the page says each number."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy
import pytest
import torch

from flowrun import DataError
from flowrun.plugins import downloading
from flowrun_tensors.formats import array_headers, bounds, csv_errors, csv_text
from flowrun_tensors.formats.csv_header import csv_header
from flowrun_tensors.formats.csv_text import read_csv
from flowrun_tensors.formats.tensor_files import read_numpy, read_pt
from flowrun_tensors.saving import read_folder, write_folder

PAGE = (Path(__file__).parents[3] / "docs/security.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "says",
    [
        f"| tensors in one file | {bounds.MOST_NAMES:,} |",
        f"directory of a zip file | {bounds.MOST_HEADER // 2**20} MiB |",
        f"| header of a NumPy array | {array_headers._MOST_HEADER:,} bytes |",
        f"| {bounds.MOST_UNPACKED // 2**20} MiB, or {bounds.MOST_RATIO} times its size",
        f"beside its tensors' data | {bounds.MOST_PICKLED // 2**20} MiB;",
        f"beyond what a `.pt` file holds | {bounds.MOST_REPEATED // 2**20} MiB |",
        f"| {bounds.MOST_ITEMS:,}, nested {bounds.MOST_NESTED} deep |",
        f"| {bounds.MOST_TEXT // 2**20} MiB, its whole numbers 4,000 digits |",
        f"| line of text | {csv_text.MOST_LINE:,} characters |",
        f"| cell of text | {csv.field_size_limit():,} characters |",
        f"| columns of text | {csv_text.MOST_COLUMNS:,} |",
        f"| comments and empty lines above a table | {csv_text.MOST_ABOVE:,} |",
        f"at most {csv_errors._LONG} characters are shown",
        f"at most {downloading.MOST_REDIRECTS} times",
        f"may take {downloading.ANSWER_SECONDS:g} seconds",
        f"each {downloading.LEAST_RATE:,} bytes",
        f"no more than {downloading.MOST_SECONDS / 60:g} minutes",
        f"at most {downloading.MOST_BYTES // 2**30} GiB",
    ],
)
def test_the_page_says_each_number(says: str) -> None:
    assert says in " ".join(PAGE.split())


def test_a_view_that_repeats_elements_is_read_if_it_is_small(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1).expand(1000, 1000), "l": [[1.5, None]] * 3}, tmp_path / "t.pt")
    assert read_pt(tmp_path / "t.pt")["a"].sum() == 10**6


def test_tensors_that_share_a_storage_repeat_nothing(tmp_path: Path) -> None:
    table = torch.zeros(2000, 1000)
    torch.save({str(row): table[row] for row in range(2000)}, tmp_path / "t.pt")
    assert len(read_pt(tmp_path / "t.pt")) == 2000


def test_an_archive_that_packs_well_is_read_if_it_is_small(tmp_path: Path) -> None:
    numpy.savez_compressed(tmp_path / "t.npz", a=numpy.zeros(10**6))
    assert read_numpy(tmp_path / "t.npz")["a"].shape == (10**6,)


def test_a_table_of_20000_columns_is_read(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    names = ",".join(f"gene{number}" for number in range(20_000))
    path.write_text(names + "\n" + "\n".join([",".join(["1.5"] * 20_000)] * 2) + "\n")
    for read in (read_csv, csv_header):
        assert read(path)["data"].shape == (2, 20_000)


def test_a_folder_that_could_not_be_loaded_is_not_written(tmp_path: Path) -> None:
    says = r"^a cannot be saved in .*out: it holds more than 1,000,000 values.*\n    make tensors"
    with pytest.raises(DataError, match=says):
        write_folder(tmp_path / "out", {"b": 1, "a": [0] * 1_000_001}, None)
    assert not (tmp_path / "out").exists()
    write_folder(tmp_path / "out", {"a": [0.1234567890123456] * 900_000}, None)
    assert len(read_folder(tmp_path / "out")["a"]) == 900_000

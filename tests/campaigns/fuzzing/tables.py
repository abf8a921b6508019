"""Delimited text: what a check says of a table holds for the table that a run reads."""

from __future__ import annotations

from pathlib import Path

import torch

from flowrun import DataError
from flowrun_tensors.formats.csv_header import csv_header, csv_outline
from flowrun_tensors.formats.csv_text import read_csv
from tests.campaigns.fuzzing.target import Target

DELIMITERS = (None, ",", ";", "\t", " ", "|", '"', "\n", "é")
HEADERS = (None, True, False)
DTYPES = ("float64", "float32", "float16", "bfloat16")
SEEDS = [
    b"\0a,b,c\n1,2,3\n4,5,6.5e-3\n",
    b"\0\xef\xbb\xbfa;b\r\n1;2\r\n\r\n3;4\r\n",
    b"\x01# a b\n1 2\n3 4\n",
    b'\x02"a ""q""","b"\n"1",2\n',
    b"\x09sep=;\n1;2\n-3;+4\n",
    b"\x131\t2\n.5\t1e3",
    b"\x051_000\n",
    b"\0a,a\n1,2\n",
    b"\0a,b\n1,nan\n1e999,2\n1,2,3\n",
    b"\0\xff\xfe1\0",
    b"\x1b1|2\r3|4\r",
    b"\0a\n" + b"1\n" * 30 + b'"2\n3"\n',
]
TOKENS = (
    ",", ";", "\t", "|", '"', '""', "\r\n", "\r", "\n", "#", "sep=", "nan", "inf", "-", "1e999",
    "1_0", "\ufeff", "\x85", "\u2028", "\x0c", "\x1c", "\0", "0x1", "\uff11",
)  # fmt: skip


def check(data: bytes, folder: Path) -> None:
    """A table is read, or a fault of it named; the check of its beginning agrees."""
    number, content = (data[0], data[1:]) if data else (0, b"")
    number, delimiter = divmod(number, len(DELIMITERS))
    number, header = divmod(number, len(HEADERS))
    settings = {
        "delimiter": DELIMITERS[delimiter],
        "header": HEADERS[header],
        "dtype": DTYPES[number % len(DTYPES)],
    }
    path = folder / "t.csv"
    path.write_bytes(content)
    read = read_csv(path, **settings)  # type: ignore[arg-type]  # of a dict of several types
    table = read["data"]
    assert table.isfinite().all()
    assert table.dtype is getattr(torch, str(settings["dtype"]))
    assert read["columns"] is None or len(read["columns"]) == table.shape[1]
    try:
        promised = csv_header(path, **settings)  # type: ignore[arg-type]
        outline = csv_outline(path, **settings)  # type: ignore[arg-type]
    except DataError as error:
        raise AssertionError(f"a run reads what a check refuses: {error}") from error
    assert promised["data"].shape == table.shape, (promised["data"].shape, table.shape)
    assert promised["columns"] == outline["columns"] == read["columns"]


TARGETS = [Target(name="table", check=check, seeds=SEEDS, tokens=TOKENS)]

"""Odd tables as one finds them: each is read right, or refused with place and remedy."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import flowrun
from flowrun import FlowrunError

Cells = dict[str, list[Any]]

# A title, the content of the file, the options of `read_table`, and the columns.
READ: dict[str, tuple[str | bytes, dict[str, Any], Cells]] = {
    "plain": ("a,b\n1,2\n3,4\n", {}, {"a": [1, 3], "b": [2, 4]}),
    "no end of line": ("a,b\n1,2", {}, {"a": [1], "b": [2]}),
    "no rows": ("a,b\n", {}, {"a": [], "b": []}),
    "lines of Windows": ("a,b\r\n1,2\r\n", {}, {"a": [1], "b": [2]}),
    "lines of old Macs": ("a,b\r1,2\r", {}, {"a": [1], "b": [2]}),
    "doubled ends of lines": ("a,b\r\r\n1,2\r\r\n", {}, {"a": [1], "b": [2]}),
    "empty lines": ("\n\na,b\n\n1,2\n   \n3,4\n\n", {}, {"a": [1, 3], "b": [2, 4]}),
    "tabs": ("a\tb\n1\t2\n", {}, {"a": [1], "b": [2]}),
    "semicolons": ("a;b\n1;2\n", {}, {"a": [1], "b": [2]}),
    "bars": ("a|b\n1|2\n", {}, {"a": [1], "b": [2]}),
    "another separator": ("a:b\n1:2\n", {"separator": ":"}, {"a": [1], "b": [2]}),
    "white space": ("  a   b\n 1.5  2\n10    3\n", {"separator": "white space"},
                    {"a": [1.5, 10.0], "b": [2, 3]}),
    "commas in words of semicolons": ('a;b\n"x, y";2\n', {}, {"a": ["x, y"], "b": [2]}),
    "a comma in a quoted name": ('"name, full";b\nx;2\n', {}, {"name, full": ["x"], "b": [2]}),
    "quoted numbers": ('"a";"b"\n"1.5";"2"\n', {}, {"a": [1.5], "b": [2]}),
    "a doubled quote": ('a\n"say ""no"""\n', {}, {"a": ['say "no"']}),
    "a line break in a cell": ('a,b\n"x\ny",2\n', {}, {"a": ["x\ny"], "b": [2]}),
    "a line break in a name": ('"a\nb",c\n1,2\n', {}, {"a\nb": [1], "c": [2]}),
    "an empty line in a cell": ('a,b\n"x\n\ny",2\n', {}, {"a": ["x\n\ny"], "b": [2]}),
    "single quotes": ("'a','b'\n'1','2'\n", {"quote": "'"}, {"a": [1], "b": [2]}),
    "spaces around cells": ("a , b\n 1 , x \n", {}, {"a": [1], "b": ["x"]}),
    "a mark of UTF-8": (b"\xef\xbb\xbfa,b\n1,2\n", {}, {"a": [1], "b": [2]}),
    "a mark and quotes": (b'\xef\xbb\xbf"a","b"\n1,2\n', {}, {"a": [1], "b": [2]}),
    "UTF-16 with its mark": ("a,b\n1,é\n".encode("utf-16"), {}, {"a": [1], "b": ["é"]}),
    "UTF-16 without": ("a,b\n1,2\n".encode("utf-16-le"), {"encoding": "utf-16-le"},
                       {"a": [1], "b": [2]}),
    "Latin-1": ("a,°C\n1,é\n".encode("latin-1"), {"encoding": "latin-1"},
                {"a": [1], "°C": ["é"]}),
    "words of other scripts": ("名,b\nß,2\n", {}, {"名": ["ß"], "b": [2]}),
    "missing numbers": ("a,b\n1,\n,NA\n3,4\n", {}, {"a": [1, None, 3], "b": [None, None, 4]}),
    "missing words": ("a,b\nx,1\n,2\n", {}, {"a": ["x", None], "b": [1, 2]}),
    "all spellings of missing": ("a\n1\nNA\nN/A\nNaN\nnan\nnull\nNULL\n", {},
                                 {"a": [1, None, None, None, None, None, None]}),
    "a spelling of one's own": ("a,b\n1,?\n3,4\n", {"missing": ["?"]},
                                {"a": [1, 3], "b": [None, 4]}),
    "a column without a filled cell": ("a,b\n1,\n2,\n", {}, {"a": [1, 2], "b": [None, None]}),
    "None is a word": ("a\nNone\nBasement\n", {}, {"a": ["None", "Basement"]}),
    "decimal commas": ("a;b\n1,5;2\n3,0;4\n", {"decimal": ","}, {"a": [1.5, 3.0], "b": [2, 4]}),
    "decimal commas without a header": ("1,5;2,5\n3,0;4,5\n", {"decimal": ",", "header": False},
                                        {"column_1": [1.5, 3.0], "column_2": [2.5, 4.5]}),
    "thousands": ('a,b\n"1,234",5\n"10,000",6\n', {"thousands": ","},
                  {"a": [1234, 10000], "b": [5, 6]}),
    "thousands and decimals": ("a;b\n1.234,5;1\n2,25;2\n", {"thousands": ".", "decimal": ","},
                               {"a": [1234.5, 2.25], "b": [1, 2]}),
    "scientific numbers": ("a,b\n1e5,2E-3\n+3.0e+02,.5\n", {},
                           {"a": [1e5, 300.0], "b": [0.002, 0.5]}),
    "numbers with a plus": ("a\n+5\n-3\n", {}, {"a": [5, -3]}),
    "a point at the end": ("a\n5.\n", {}, {"a": [5.0]}),
    "large whole numbers": ("a\n9007199254740993\n", {}, {"a": [9007199254740993]}),
    "numbers beyond 64 bits": ("a\n99999999999999999999\n", {}, {"a": ["99999999999999999999"]}),
    "leading zeros": ("zip\n01234\n98765\n", {}, {"zip": ["01234", "98765"]}),
    "leading zeros wanted as numbers": ("a\n01\n10\n", {"types": {"a": "int"}}, {"a": [1, 10]}),
    "truth values": ("a,b\ntrue,TRUE\nfalse,False\n", {}, {"a": [True, False], "b": [True, False]}),
    "yes and no": ("a\nyes\nno\n", {}, {"a": ["yes", "no"]}),
    "dates": ("d\n2024-01-02\n2023-12-31\n", {}, {"d": [date(2024, 1, 2), date(2023, 12, 31)]}),
    "dates with times": ("d\n2024-01-02T03:04:05\n2024-01-02 03:04\n", {},
                         {"d": [datetime(2024, 1, 2, 3, 4, 5), datetime(2024, 1, 2, 3, 4)]}),
    "dates of a format": ("d\n31.12.2023\n", {"dates": "%d.%m.%Y"}, {"d": [date(2023, 12, 31)]}),
    "dates of a column": ("d,e\n12/31/2023,1\n", {"dates": {"d": "%m/%d/%Y"}},
                          {"d": [date(2023, 12, 31)], "e": [1]}),
    "comments": ("# made by a machine\na,b\n# more\n1,2\n", {"comment": "#"},
                 {"a": [1], "b": [2]}),
    "a comment sign in a cell": ('a,b\n"#x",2\n', {"comment": "//"}, {"a": ["#x"], "b": [2]}),
    "a comment sign within a quoted cell": ('a,b\n"x\n# y",2\n', {"comment": "#"},
                                            {"a": ["x\n# y"], "b": [2]}),
    "no header": ("1,2\n3,4\n", {"header": False}, {"column_1": [1, 3], "column_2": [2, 4]}),
    "names given": ("1,2\n3,4\n", {"names": ["a", "b"]}, {"a": [1, 3], "b": [2, 4]}),
    "years as names": ("2019,2020\n1,2\n", {"header": True}, {"2019": [1], "2020": [2]}),
    "a column without a name": (",a\n0,1\n", {"columns": ["a"]}, {"a": [1]}),
    "some columns": ("a,b,c\n1,x,3\n", {"columns": ["c", "a"]}, {"c": [3], "a": [1]}),
    "one column": ("a\n1\n2\n", {}, {"a": [1, 2]}),
    "words with digits": ("a\nA1\nB2\n", {}, {"a": ["A1", "B2"]}),
    "telephone numbers": ("a\n555-1234\n555-9876\n", {}, {"a": ["555-1234", "555-9876"]}),
    "words among numbers, as texts": ("t\n12\nPC 3\n", {"types": {"t": "text"}},
                                      {"t": ["12", "PC 3"]}),
    "a spreadsheet's line": ("sep=;\na;b\n1;2\n", {"comment": "sep=", "separator": ";"},
                             {"a": [1], "b": [2]}),
}  # fmt: skip

# A title, the content of the file, the options, and what the message says.
REFUSED: dict[str, tuple[str | bytes, dict[str, Any], list[str]]] = {
    "nothing": ("", {}, ["is empty"]),
    "comments alone": ("# a\n", {"comment": "#"}, ["is empty"]),
    "a short row": ("a,b\n1,2\n3\n", {}, ["line 3 has 1 cell", "2 columns"]),
    "a long row": ("a,b\n1,2,3\n", {}, ["line 2 has 3 cells", "separator"]),
    "separators at the end": ("a,b\n1,2,\n", {}, ["line 2", "a separator ends the line"]),
    "separators at all ends": ("a,b,\n1,2,\n", {}, ["column 3 has no name", "columns: [a, b]"]),
    "two columns of one name": ("a,b,a\n1,2,3\n", {}, ["columns 1 and 3", "`a`"]),
    "two of one name, one wanted": ("a,b,a\n1,2,3\n", {"columns": ["b"]}, ["columns 1 and 3"]),
    "numbers for names": ("1,2\n3,4\n", {}, ["header: false", "header: true"]),
    "a header behind a sign": ("#a,b\n1,2\n", {}, ["comment: '#'", "header: true"]),
    "a comment without its sign": ("note\na,b\n1,2\n", {}, ["line 2 has 2 cells", "comment"]),
    "a question mark": ("a,b\n1,?\n3,4\n", {}, ["row 1 (line 2)", "`b`", "missing: ['', '?']"]),
    "a dash": ("a\n-\n4\n", {}, ["row 1", "missing: ['', '-']"]),
    "a word late": ("a\n" + "1\n" * 200 + "none\n", {}, ["row 201 (line 202)", "'none'"]),
    "infinity": ("a\ninf\n1\n", {}, ["'inf'", "types: {a: text}"]),
    "a number beyond float64": ("a\n1e999\n1.5\n", {}, ["'1e999'", "row 1"]),
    "decimal commas": ("a;b\n1,5;2\n3,0;4\n", {}, ["'1,5'", "decimal: ','"]),
    "thousands": ('a\n"1,234"\n', {}, ["thousands: ','"]),
    "currencies": ("a\n$5\n$4\n", {}, ["'$5'", "remove $"]),
    "percent": ("a\n50%\n4%\n", {}, ["'50%'", "remove %"]),
    "hexadecimal numbers": ("a\n0x10\n3\n", {}, ["'0x10'"]),
    "underscores": ("a\n1_000\n3\n", {}, ["'1_000'", "remove _"]),
    "Arabic digits": ("a\n\u0661\n3\n", {}, ["row 1"]),
    "a typographic minus": ("a\n\u22125\n3\n", {}, ["row 1"]),
    "a comment behind a number": ("a,b\n1,2 # good\n3,4\n", {}, ["'2 # good'"]),
    "a footer": ("a,b\n1,2\n3,4\nTotal,6\n", {}, ["row 3 (line 4), column `a`", "'Total'"]),
    "a date that is none": ("d\n2023-01-01\n2023-02-30\n", {}, ["'2023-02-30'", "is no date"]),
    "a word that is declared a number": ("a\nx\n", {"types": {"a": "int"}}, ["is declared as"]),
    "a fraction that is declared whole": ("a\n1.5\n", {"types": {"a": "int"}}, ["'1.5'"]),
    "a type of no column": ("a\n1\n", {"types": {"b": "int"}}, ["there is no column `b`"]),
    "a column that is not there": ("size\n1\n", {"columns": ["sise"]}, ["did you mean `size`"]),
    "bytes of Latin-1": ("a\né\n".encode("latin-1"), {}, ["encoding: latin-1"]),
    "an unknown encoding": ("a\n1\n", {"encoding": "utf-99"}, ["there is no encoding `utf-99`"]),
    "zero bytes": (b"a,b\n1,2\0\n", {}, ["line 2", "zero byte"]),
    "an open quote": ('a,b\n1,2\n"3,4\n', {}, ["line 3", "quote"]),
    "a quote within a cell": ('a,b\n"x"y,2\n', {}, ["line 2", "double a quote"]),
    "an unclear separator": ("a,b;c\n1,2;3\n4,5;6\n", {}, ["separator: ','"]),
    "an empty line of one column": ("a\n1\n\n3\n", {}, ["line 3 is empty", "write NA"]),
    "a spreadsheet's line": ("sep=;\na;b\n1;2\n", {}, ["comment: sep="]),
    "a wrong number of names": ("1,2\n", {"names": ["a"]}, ["has 2 cells", "1 names"]),
}  # fmt: skip


def test_these_are_many() -> None:
    assert len(READ) + len(REFUSED) >= 80


def read(folder: Path, content: str | bytes, options: dict[str, Any]) -> pl.DataFrame:
    path = folder / "odd.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    steps = [{"read_table": {"source": str(path), **options}}]
    return flowrun.run({"recipe": "odd", "steps": steps}, record=False).values["table"]


@pytest.mark.parametrize("title", READ)
def test_an_odd_table_is_read(title: str, tmp_path: Path) -> None:
    content, options, wanted = READ[title]
    table = read(tmp_path, content, options)
    assert table.to_dict(as_series=False) == wanted
    for name, cells in wanted.items():
        for found, cell in zip(table[name], cells, strict=True):
            assert type(found) is type(cell), name


@pytest.mark.parametrize("title", REFUSED)
def test_an_odd_table_is_refused_with_place_and_remedy(title: str, tmp_path: Path) -> None:
    content, options, parts = REFUSED[title]
    with pytest.raises(FlowrunError) as caught:
        read(tmp_path, content, options)
    text = str(caught.value)
    assert "Traceback" not in text
    assert "Error:" not in text, text
    for part in parts:
        assert part in text, text

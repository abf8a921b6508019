"""A table that is refused says which cell or line it is, why, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import flowrun
from flowrun import StepError
from flowrun_tensors.formats.csv_engine import LARGE

Write = Callable[[str, str], Path]


def load(**options: object) -> flowrun.Result:
    steps = [{"load": {"source": "t.csv", **options}}]
    return flowrun.run({"recipe": "r", "steps": steps}, record=False)


CELLS = {
    "": "the cell is empty\n`load` reads numbers only: fill the cell in, or remove its row",
    "NA": "`NA` is not a finite number\nthat stands for a missing number: fill it in",
    "?": "that stands for a missing number",
    "-": "that stands for a missing number",
    "inf": "nothing can be computed from it",
    "true": "write 1 for true and 0 for false",
    "2024-01-02": "write a date as one",
    "3.4.2024 10:00": "write a date as one",
    "12:30": "write a date as one",
    "1,5": "decimals need a point, not a comma: write 1.5",
    "1,234": "if its comma is one of thousands, write 1234; decimals need a point, not a comma",
    "1,234,567": "numbers have no marks between thousands: write 1234567",
    "1,234.5": "write 1234.5",
    "1.234,5": "write 1234.5",
    "1 234": "numbers have no marks between thousands: write 1234",
    "1\u00a0234": "write 1234",
    "1'234": "write 1234",
    "-1_000": "write -1000",
    "50%": "write the fraction 0.5, or the number without `%`",
    "$5": "write 5, and its unit in the column's name",
    "7 km": "write 7, and its unit",
    "\u22125": "its minus is another character than `-`: write -5",
    "'1'": 'only `"` encloses a cell: remove these quotes',
    "1.0D+05": "write the exponent as 1.0e+05",
    "0x10": "write it in decimal digits: 16",
    "2 # good": "a comment stands only above the table, in lines of its own",
    "1 2": "spaces stand between numbers here",
    "1   2": "white space of any width is no delimiter: write one comma between numbers",
    "2\0": "it holds a NUL character",
    "setosa": "`load` reads numbers only: write a number for each word",
}


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_a_cell_that_is_no_number_is_named_with_the_way_on(cell: str, write: Write) -> None:
    write("t.csv", f"a;b\n1;2\n3;{cell}\n")
    with pytest.raises(StepError) as caught:
        load()
    message = "\n".join(line.strip() for line in caught.value.message.splitlines())
    assert "t.csv, line 3, column 2 (b): " in message
    assert CELLS[cell] in message


LINES = {
    "a,b,c\n1,4,7,\n": "line 2: 4 cells, but the first line has 3\n"
    "the line ends with the delimiter `,`: remove it",
    "a,b,\n1,2,\n": "line 2, column 3 (): the cell is empty\n"
    "every line ends with the delimiter: remove it",
    "a,b\n1,2\n   \n": "line 3: 1 cell, but the first line has 2\n"
    "there is nothing but white space in this line: remove it",
    "a,b\n1,2\n# end\n": "line 3: 1 cell, but the first line has 2\n"
    "a comment stands only above the table: remove this line",
    "A title\na,b\n1,2\n": "line 2: 2 cells, but the first line has 1\n"
    "if the first line is a title, remove it, or begin it with `#`",
    "a,b\n1,5,2\n": "line 2: 3 cells, but the first line has 2\n"
    "decimals need a point, and thousands no comma: 1234.5; is `,` the delimiter?",
    "a;b\n1;5;2\n": "line 2: 3 cells, but the first line has 2\nremove what is too much",
    "a,b,c\n1,2\n": "line 2: 2 cells, but the first line has 3\nfill in what is missing",
    'a,b\n1,2\n"3"4,5\n': "line 3, cannot be read as delimited text: ',' expected after '\"'\n"
    'a `"` encloses a whole cell',
}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a,b\n1,nan\n\n3,4\n", 2),
        ("1,nan\n\n3,4\n", 1),
        ("a,b\n\n1,2\n\n\n3,nan\n\n", 6),
        ('a,b\n"1\n",2\n3,nan\n', 4),
        ("# x\n\na,b\n1,2\n3,nan\n\n", 5),
    ],
    ids=repr,
)
def test_the_line_of_a_number_is_that_of_the_file(text: str, line: int, write: Write) -> None:
    write("t.csv", text)
    with pytest.raises(StepError) as caught:
        load()
    assert f"t.csv, line {line}, column 2" in caught.value.message


@pytest.mark.parametrize("text", LINES, ids=repr)
def test_a_line_that_is_no_row_is_named_with_the_way_on(text: str, write: Write) -> None:
    write("t.csv", text)
    with pytest.raises(StepError) as caught:
        load()
    message = "\n".join(line.strip() for line in caught.value.message.splitlines())
    assert LINES[text] in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n3,\xb04\n", "is not UTF-8 text: byte 3 of line 3 is 0xb0\n"),
        ("a,b\n1,2\n".encode("utf-16"), "is not UTF-8 text, but UTF-16\n"),
    ],
)
def test_a_text_in_another_encoding_is_named(content: bytes, message: str) -> None:
    Path("t.csv").write_bytes(content)
    with pytest.raises(StepError) as caught:
        load()
    assert message in caught.value.message
    assert "save it as UTF-8" in caught.value.message


READ = {
    "a remark": ("# by a machine\n\na,b\n1,2\n", ["a", "b"]),
    "names as numpy.savetxt writes them": ("# a,b\n1,2\n", ["a", "b"]),
    "a remark and names": ("# by a machine\n#a,b\n1,2\n", ["a", "b"]),
    "names between spaces": ("# a b\n1 2e+00\n", ["a", "b"]),
    "a row that is commented out": ("# 3,4\n1,2\n", None),
    "a remark of as many words": ("# by,me\na,b\n1,2\n", ["a", "b"]),
    "a column that is named #": ("#,b\n1,2\n", ["#", "b"]),
    "the delimiter for spreadsheets": ("sep=;\na;b\n1;2\n", ["a", "b"]),
    "single spaces": ("a b\n1 2\n", ["a", "b"]),
    "more remarks than lines are looked at": ("# x\n" * 50 + "a,b\n1,2\n", ["a", "b"]),
    "names in quotes": ('# "a","b"\n1,2\n', ["a", "b"]),
}  # fmt: skip


NAMED: dict[str, tuple[str, dict[str, str], list[str], list[list[float]]]] = {
    "names": ("#a,b\n1,2\n3,4\n", {}, ["a", "b"], [[1, 2], [3, 4]]),
    "one name": ("# a\n1\n3\n", {}, ["a"], [[1], [3]]),
    "names that are numbers": ("# 2020,2021\n1,2\n", {}, ["2020", "2021"], [[1, 2]]),
    "names between spaces": ("# a b\n1 2\n", {"delimiter": " "}, ["a", "b"], [[1, 2]]),
    "a remark above names": ("# by,me\na,b\n1,2\n", {}, ["a", "b"], [[1, 2]]),
    "a remark above names that are numbers": (
        "# by a machine\n2020,2021\n1,2\n", {}, ["2020", "2021"], [[1, 2]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", NAMED)
def test_names_in_a_comment_are_the_header_that_the_recipe_says_there_is(
    what: str, write: Write
) -> None:
    text, given, columns, data = NAMED[what]
    write("t.csv", text)
    values = load(header=True, **given).values
    assert (values["columns"], values["data"].tolist()) == (columns, data)


def test_a_number_sign_before_a_space_begins_a_comment(write: Write) -> None:
    write("t.csv", "# by a machine\n# a b\n1 2\n3 4\n")
    values = load(delimiter=" ").values
    assert (values["columns"], values["data"].tolist()) == (["a", "b"], [[1, 2], [3, 4]])


@pytest.mark.parametrize("given", [{}, {"delimiter": ";"}, {"delimiter": " "}], ids=str)
def test_a_lone_number_sign_at_the_end_of_a_text_is_a_comment(
    given: dict[str, str], write: Write
) -> None:
    write("t.csv", "# nothing measured\n#")
    with pytest.raises(StepError) as caught:
        load(**given)
    assert "t.csv is empty" in caught.value.message


def test_names_in_a_comment_are_none_if_the_recipe_denies_a_header(write: Write) -> None:
    write("t.csv", "#a,b\n1,2\n3,4\n")
    values = load(header=False).values
    assert (values["columns"], values["data"].tolist()) == (None, [[1, 2], [3, 4]])


@pytest.mark.parametrize("what", READ)
def test_comments_above_a_table_are_no_rows(what: str, write: Write) -> None:
    text, columns = READ[what]
    last = text.splitlines()[-1]
    path = write("t.csv", text)
    values = load().values
    assert values["columns"] == columns
    assert values["data"].tolist() == [[float(last[0]), 2]]
    recipe = {"recipe": "r", "steps": [{"load": {"source": "t.csv"}}]}
    assert tuple(flowrun.check(recipe).steps[0].outputs["data"]["shape"]) == (1, 2)
    write("t.csv", text + f"{last}\n" * (LARGE // len(last)))
    assert path.stat().st_size > LARGE  # so that an engine reads it
    large = load().values
    assert large["columns"] == columns
    assert len(large["data"]) == 1 + LARGE // len(last)

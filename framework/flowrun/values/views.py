"""A run, a plan or a check as lines, which a notebook shows as HTML or as plain text.

Names and values come from recipes and from files of others: HTML has all of them escaped. It sets
no colours, so it can be read on a light and on a dark page. `$` in it begins no formula.
"""

from __future__ import annotations

import msgspec

from flowrun.errors.escaping import below, in_lines, on_one_line

_NAME_WIDTH = 14
_INDENT = " " * (_NAME_WIDTH + 2)
_MOST_LINES = 200  # of one part
_CELL = "text-align:left;vertical-align:top"
_WRAPPED = "margin:0;white-space:pre-wrap"
_CLASSES = "flowrun tex2jax_ignore mathjax_ignore"


class Line(msgspec.Struct, frozen=True):
    """One line: a name, a text, and how it ends (`kept`, `0.3 s`, `met`).

    Name and text may be of others: what a terminal would obey in them is shown escaped.
    below: further texts under it, escaped already, as they may begin in colour.
    done: how much of it is done, as `(part, whole)`.
    stands_out: whether the end is one that a reader must not miss.
    """

    name: str
    text: str = ""
    end: str = ""
    below: tuple[str, ...] = ()
    done: tuple[int, int] | None = None
    stands_out: bool = False

    def shown(self) -> str:
        """The line as a terminal shows it, with the texts below it."""
        between = " " if self.text.endswith(":") else "  "
        shown = between.join(text for text in (on_one_line(self.text), self.end) if text)
        below = [one for text in self.below for one in text.split("\n")]
        first = f"  {on_one_line(self.name):<{_NAME_WIDTH}}{shown}".rstrip()
        return "\n".join([first, *(f"{_INDENT}{one}" for one in below)])


class Part(msgspec.Struct, frozen=True):
    """Some lines. summary: if given, HTML shows the lines only after a click on this text."""

    lines: list[Line]
    summary: str = ""


class View(msgspec.Struct, frozen=True):
    """A title, parts, and a last line."""

    title: str
    about: str
    parts: list[Part]
    end: str = ""

    def text(self) -> str:
        """The lines as a terminal shows them."""
        lines = [title_line(on_one_line(self.title), self.about)]
        for part in self.parts:
            lines += [line.shown() for line in part.lines]
        if self.end:
            lines.append(f"  {below(self.end)}")
        return "\n".join(lines)

    def html(self) -> str:
        """The lines as HTML."""
        about = f": {_html(self.about)}" if self.about else ""
        parts = [f"<div><strong>{_html(self.title)}</strong>{about}</div>"]
        parts += [_part_html(part) for part in self.parts if part.lines]
        if self.end:
            parts.append(f'<div style="opacity:0.7">{_html(self.end)}</div>')
        return f'<div class="{_CLASSES}">{"".join(parts)}</div>'


def title_line(title: str, about: str) -> str:
    """The first line: a recipe's name, which is escaped already, and its `about`."""
    return f"{title}: {below(about, _INDENT)}" if about else title


def _html(text: str) -> str:
    from html import escape  # a notebook's alone

    return escape(in_lines(text))


def _part_html(part: Part) -> str:
    rows = "".join(map(_row, part.lines[:_MOST_LINES]))
    more = len(part.lines) - _MOST_LINES
    rest = f"<tr>{_cell(f'and {more} more')}</tr>" if more > 0 else ""
    table = f"<table><tbody>{rows}{rest}</tbody></table>"
    if not part.summary:
        return table
    return f"<details><summary>{_html(part.summary)}</summary>{table}</details>"


def _row(line: Line) -> str:
    texts = "".join(f'<pre style="{_WRAPPED}">{_html(text)}</pre>' for text in line.below)
    end = f"<strong>{_html(line.end)}</strong>" if line.stands_out else _html(line.end)
    text = f"{_bar(line)}{_html(on_one_line(line.text))}{texts}"
    name = f"<strong>{_html(on_one_line(line.name))}</strong>"
    return (
        "<tr>" + "".join(f'<td style="{_CELL}">{one}</td>' for one in (name, text, end)) + "</tr>"
    )


def _cell(text: str) -> str:
    return f'<td style="{_CELL}" colspan="3">{_html(text)}</td>'


def _bar(line: Line) -> str:
    if line.done is None:
        return ""
    part, whole = line.done
    return f'<progress value="{part}" max="{max(whole, 1)}"></progress> '

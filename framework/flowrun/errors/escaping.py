"""Text of others as a person sees it: what a terminal would obey is shown as an escape.

Names and values come from recipes, files and servers of others. A control character in them could
clear the screen, write the title of the window or print a line again; one of direction or of no
width could show another text than the one that is there; a line break could print a false line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# Control characters (C0, DEL, C1), ends of lines, directions, characters of no width that no script
# needs, tags, and halves of surrogate pairs. The joiners U+200C and U+200D are not among them, as
# scripts and emoji need them.
_OTHERS = (
    "\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e007f\ud800-\udfff"
)
# As texts: most runs compile none of them, as nearly all names are printable.
_IN_NAMES = f"[\x00-\x1f{_OTHERS}]"
_IN_TEXTS = f"[\x00-\x08\x0b-\x1f{_OTHERS}]"  # all but line feeds and tabs
_IN_COLOURS = rf"(\x1b\[[0-9;]*m)|[\x00-\x08\x0b-\x1f{_OTHERS}]"
_IN_JSON = f"[{_OTHERS}]"


def on_one_line(name: object) -> str:
    r"""A name, a path or another text within a line: `\n`, `\x1b`, `\u202e` are escaped."""
    text = str(name)
    return text if text.isprintable() else re.sub(_IN_NAMES, _escape, text)


def in_lines(text: str) -> str:
    """A text that may have several lines: all is escaped but line feeds and tabs."""
    return text if text.isprintable() else re.sub(_IN_TEXTS, _escape, text)


def below(text: str, indentation: str = "    ") -> str:
    """A text of several lines whose further lines are indented, so that none begins a line.

    Those that are indented by as much already stay as they are.
    """
    first, *others = in_lines(text).split("\n")
    size = len(indentation)
    indented = (one if one[:size].isspace() else f"{indentation}{one}" for one in others)
    return "\n".join([first, *indented])


def in_colours(text: str) -> str:
    """Lines that flowrun has made, with colours: the last net before a terminal.

    Names are escaped when they enter a line, as here nothing distinguishes a colour or a line break
    of theirs from those of flowrun.
    """
    return text if text.isprintable() else re.sub(_IN_COLOURS, _keep_colour, text)


def command_line(words: Sequence[str]) -> str:
    r"""A command that one can type: a word with control characters as a shell's `$'\x1b'`."""
    import shlex  # few commands show one

    plain = {word for word in words if on_one_line(word) == word}
    return " ".join(shlex.quote(word) if word in plain else _ansi(word) for word in words)


def _ansi(word: str) -> str:
    """A word in quotes in which a shell knows escapes."""
    quoted = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{re.sub(_IN_NAMES, _shell_escape, quoted)}'"


def in_json(text: str) -> str:
    """A document of JSON that means the same, and can be looked at in a terminal."""
    return text if text.isprintable() else re.sub(_IN_JSON, _json_escape, text)


def _escape(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]


def _keep_colour(found: re.Match[str]) -> str:
    return found[1] or _escape(found)


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs)


def _shell_escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # Python has these for the bytes of a name that is not UTF-8
        code -= 0xDC00
        return f"\\x{code:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\U{code:08x}"

"""What a number looks like in a text."""

from __future__ import annotations

import re

WHOLE = r"^[+-]?[0-9]+$"
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
LEADING_ZERO = r"^[+-]?0[0-9]"

# Signs of currencies, percent, groups of digits and comments, with which a number is none to a
# computer; the last three are a typographic apostrophe, minus sign and narrow space.
SIGNS = "$€£¥%_'#\u2019\u2212\u202f"
DECORATION = rf"^[+\-\u2212]|[\s,\u00a0{SIGNS}]"
BARE = r"(?i)^(\d+\.?\d*|\.\d+)([ed]\d+)?$|^0x[0-9a-f]+$"


def is_number(cell: str, decimal: str) -> bool:
    """Whether one cell is a number with that sign before its decimals."""
    return re.match(NUMBER, cell.replace(decimal, ".")) is not None


def grouped(thousands: str, decimal: str) -> str:
    """A pattern for whole numbers and others whose digits stand in groups of three."""
    sign, point = re.escape(thousands), re.escape(decimal)
    return f"^[+-]?[0-9]{{1,3}}({sign}[0-9]{{3}})+({point}[0-9]*)?$"

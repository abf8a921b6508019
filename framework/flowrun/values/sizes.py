"""Numbers of bytes and of operations as a person writes and reads them."""

from __future__ import annotations

import re

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")
_DECIMAL = ("B", "KB", "MB", "GB", "TB")
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?i?B?)\s*", re.IGNORECASE)


def size_text(count: int) -> str:
    """A number of bytes in the unit that fits: `46.9 KiB`."""
    size, units = float(count), list(_BINARY)
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


def parse_size(text: str) -> int:
    """The bytes of `8GiB`, `80 GB` or `512M`; raises ValueError that names the expected form.

    `GiB` and `G` count in powers of 1024, `GB` in powers of 1000.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is no size: write a number and a unit, such as `8GiB`")
    number, unit = float(found[1]), found[2].upper()
    if unit in _DECIMAL:
        return int(number * 1000 ** _DECIMAL.index(unit))
    prefixes = [name[0] for name in _BINARY]
    return int(number * 1024 ** (prefixes.index(unit[0]) if unit else 0))


def operations_text(count: int) -> str:
    """A number of floating-point operations: `2.9 GFLOP`."""
    size, units = float(count), ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.3g} {units[0]}"

"""The tables of docs/recipes.md that are made from the code: keys and checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from reference_entries import table

from flowrun.expectations.checks import CHECKS
from flowrun.recipes.keys import STEP_KEYS, TOP_KEYS, Key

_TABLE = re.compile(r"(<!-- (\w+): made by `make reference` -->\n).*?(?=<!-- end)", re.DOTALL)


def with_tables(text: str) -> str:
    """The text of docs/recipes.md with each of its tables as the code has them now."""
    return _TABLE.sub(lambda found: f"{found[1]}\n{_TABLES[found[2]]}\n", text)


def _keys(keys: Iterable[Key]) -> Iterator[str]:
    rows = ((f"`{key.name}`", _about(key), _takes(key)) for key in keys)
    return table(("key", "what it is", "takes"), rows)


def _about(key: Key) -> str:
    anchor = key.see.lower().replace(" ", "-")
    return f"{key.about} See [{key.see.lower()}](#{anchor})." if anchor else key.about


def _takes(key: Key) -> str:
    has_default = isinstance(key.default, (int, str)) and key.default != ""
    return f"{key.kind.text} (default `{key.default}`)" if has_default else key.kind.text


def _checks() -> Iterator[str]:
    rows = []
    for check in CHECKS.values():
        rows.append((f"`{check.example}`", check.about()))
        for name, schema in check.settings.items():
            rows.append((f"`{name}`", f"For `{check.name}`: {schema['description']}"))
    return table(("check", "what it says"), rows)


_TABLES = {
    "top": "\n".join(_keys(TOP_KEYS.values())),
    "step": "\n".join(_keys(STEP_KEYS.values())),
    "checks": "\n".join(_checks()),
}

"""The codecs of a plugin, by which values are digested, kept, and checked."""

from __future__ import annotations

from tests.campaigns.truth.case import Case

_RECIPE = """recipe: r
plugins: [./steps.py, ./prices.py]
steps:
  - {make: {}, cache: true}
  - measure
"""
_STEPS = """from flowrun import step
from prices import Price


@step(outputs="price")
def make() -> object:
    '''Make a price.'''
    return Price(100)


@step(outputs="y")
def measure(price) -> object:
    '''Look at it.'''
    return price.cents + 7
"""
_PRICES = """from flowrun import Codec, Summary, hookimpl


class Price:
    def __init__(self, cents):
        self.cents = cents


@hookimpl
def flowrun_codecs():
    return [
        Codec(
            type=Price,
            summary=lambda price: Summary(type="price"),
            plain=lambda price: price.cents / 10,
            pack=lambda price: price.cents / 4,
            unpack=lambda part: Price(part * 4),
        )
    ]
"""
_FILES = {
    "recipe.yaml": _RECIPE,
    "steps.py": _STEPS,
    "prices.py": _PRICES,
}
_LATER = "change('steps.py', '+ 7', '+ 8'); "


def _case(name: str, edit: str, *, differs: bool = True) -> Case:
    return Case(kind="codecs", name=name, files=_FILES, edit=edit, differs=differs)


CASES = [
    _case("pack and unpack", f"{_LATER}change('prices.py', 'cents / 4', 'cents / 5'); "
          "change('prices.py', 'part * 4', 'part * 5')"),
    _case("a comment", "change('prices.py', '@hookimpl', '# one\\n@hookimpl')", differs=False),
]  # fmt: skip

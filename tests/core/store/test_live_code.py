"""The code of functions without a file, as in a notebook: what changes its digest and what not."""

from __future__ import annotations

import textwrap
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import pytest

from flowrun.store.closure import Code
from flowrun.store.live_code import live_code
from flowrun.store.store import Store
from flowrun.values.codecs import Codecs

CELL = '''
import functools, math
LIMIT = 3
TABLE = {"a": [1.5]}
def helper(x, *, scale=2): return x * scale + LIMIT
class Base:
    """A base."""
    rate = 0.5
    def double(self, x): return 2 * x
class Model(Base):
    def __call__(self, x):
        return self.double(helper(x))
def outer(n):
    def inner(x): return x + n
    return inner
add = outer(4)
half = functools.partial(helper, scale=0.5)
@functools.lru_cache
def remembered(x): return helper(x)
def f(x, y=1):
    """Text."""
    return Model()(x) + add(y) + half(x) + remembered(x) + TABLE["a"][0] + math.pi
'''


def code(text: str, **more: Any) -> Code:
    """The code of the function `f` of a cell."""
    module = ModuleType("__cells__")
    vars(module).update(more)
    exec(compile(textwrap.dedent(text), "<cell>", "exec"), vars(module))
    store = Store(Path("home"), lambda text: None)
    try:
        return live_code(vars(module)["f"], store.code, Codecs(()))
    finally:
        store.close()


def digest(text: str, **more: Any) -> str:
    (found,) = code(text, **more).modules.values()
    return found


def test_the_code_is_one_module_of_the_functions_name() -> None:
    assert list(code(CELL).modules) == ["__cells__.f"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("LIMIT = 3", "LIMIT = 3.0"),
        ("[1.5]", "[1.25]"),
        ("scale=2)", "scale=3)"),
        ("x * scale", "x + scale"),
        ("rate = 0.5", "rate = 0.25"),
        ("2 * x", "3 * x"),
        ("rate = 0.5", "rate = 0.5; other = 1"),
        ("class Model(Base)", "class Model(Base, dict)"),
        ("x + n", "x - n"),
        ("outer(4)", "outer(5)"),
        ("scale=0.5)", "scale=0.25)"),
        ("def remembered(x): return helper(x)", "def remembered(x): return -helper(x)"),
        ("y=1", "y=2"),
        ("math.pi", "math.e"),
        ("Model()(x) +", "Model()(y) +"),
    ],
)
def test_all_that_a_function_reaches_counts(old: str, new: str) -> None:
    assert CELL.count(old) >= 1
    assert digest(CELL.replace(old, new)) != digest(CELL)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Text."""', '"""Other text."""'),
        ('"""A base."""', '"""Another."""'),
        ("LIMIT = 3", "LIMIT = 3  # three"),
        ("import functools", "\\n\\nimport functools"),
        ("TABLE =", "unused = 7\\nTABLE ="),
    ],
)
def test_text_lines_and_what_is_not_reached_do_not_count(old: str, new: str) -> None:
    new = new.replace("\\n", "\n")
    assert digest(CELL.replace(old, new)) == digest(CELL)


def test_a_function_that_may_use_any_name_has_all_of_them_count() -> None:
    text = "a = 1\n_b = 2\ndef f(x): return eval(x)\n"
    assert digest(text) != digest(text.replace("a = 1", "a = 2"))
    assert digest(text) == digest(text.replace("_b = 2", "_b = 3"))


def test_a_function_may_reach_itself_and_another_in_turn() -> None:
    text = "def g(n): return f(n) if n else 1\ndef f(n): return n * g(n - 1)\n"
    assert digest(text) != digest(text.replace("else 1", "else 2"))


def test_functions_and_classes_inside_values_count() -> None:
    text = """\
        def inside(x): return x
        class Kind:
            def call(self): return 1
        class Holder: pass
        holder = Holder()
        holder.kind = Kind()
        TABLE = {"f": [inside]}
        def f(): return TABLE["f"][0](holder.kind.call())
    """
    assert digest(text) == digest(text)
    assert digest(text) != digest(text.replace("return x", "return -x"))
    assert digest(text) != digest(text.replace("return 1", "return 2"))


def test_a_value_that_cannot_be_pickled_is_another_each_time() -> None:
    text = "def f(): return thing\n"
    assert digest(text, thing=Lock()) != digest(text, thing=Lock())
    assert digest(text, thing=1) == digest(text, thing=1)


def test_a_constant_set_in_an_imported_module_counts() -> None:
    text = "def f(): return settings.rate\n"
    settings = ModuleType("settings")
    found = []
    for rate in (1, 2, 1):
        settings.rate = rate  # type: ignore[attr-defined]
        found.append(digest(text, settings=settings))
    assert found[0] == found[2] != found[1]


def test_a_package_that_is_used_counts_by_its_version() -> None:
    import numpy

    found = code("import numpy\ndef f(): return numpy.zeros(3)\n")
    assert found.packages == {"numpy": numpy.__version__}


def test_a_variable_of_a_closure_that_is_not_set_yet_is_left_out() -> None:
    text = """\
        def make():
            def f(): return later
            found = f
            if False: later = 1
            return found
        f = make()
    """
    assert digest(text) == digest(text)

"""What a module's text says: its definitions, the names they use, and what acts on import."""

from __future__ import annotations

import textwrap

import pytest

from flowrun.store.syntax import ACTING, Definition, Import, Syntax, syntax_of

HEAD = """\
import os
import torch
import helper
from functools import cache, partial
from typing import TYPE_CHECKING, Generic, TypeVar
from helper import load, tool
"""


def read(text: str, package: str = "") -> Syntax:
    return syntax_of(textwrap.dedent(text).encode(), package)


def acts(text: str, package: str = "") -> bool:
    return read(HEAD + text, package).definitions[ACTING].lines != []


@pytest.mark.parametrize(
    "text",
    [
        "x = 1", "x: int", "x: int = 1", "x = y = [1]", "x, (y, *z) = a", "x += 1", "'text'",
        "pass", "x = len('a')", "x = [len('a'), torch.zeros(2)]", "x = lambda: tool()",
        "x = 'a'.upper()", "x = y.strip()", "x = y[0].strip()", "x = partial(tool, 1)",
        "x = [len(i) for i in a]",
        "def f(): tool()", "async def f(): tool()", "def f(a=1, *, b=len('a')): pass",
        "@cache\ndef f(): pass", "@torch.no_grad()\ndef f(): pass",
        "class A: pass", "class A(dict): x = 1", "class A(torch.nn.Module): x: int = 1",
        "class A(Generic[T]): pass", "class A: pass\nclass B(A): pass",
        "class A:\n  'doc'\n  def f(self): tool()", "class A:\n  class B: pass",
        "class A:\n  @property\n  def f(self): pass\n  @f.setter\n  def f(self, x): pass",
        "def f(): pass\n@f.on_shapes\ndef _(): pass",
        "if TYPE_CHECKING:\n  import a", "if __name__ == '__main__':\n  tool()",
        "if '__main__' == __name__:\n  tool()",
    ],
)  # fmt: skip
def test_a_definition_or_a_plain_value_does_not_act(text: str) -> None:
    assert not acts(text)


@pytest.mark.parametrize(
    "text",
    [
        "tool()", "print(1)", "x = tool()", "x = load('a')", "x = helper.load('a')", "x = y()",
        "x = y.open()", "x = y.zeros()", "x = helper.x.get()", "x = zeros()", "x = [tool()]",
        "x: int = tool()", "x = (y := 1)", "x = len(tool())",
        "x.a = 1", "x[0] = 1", "x, y[0] = 1, 2", "os.a += 1", "del x",
        "def f(a=tool()): pass", "def f(*, a=tool()): pass", "@tool\ndef f(): pass",
        "@helper.cache\ndef f(): pass", "@f.on_click\ndef g(): pass",
        "@helper.on_shapes\ndef g(): pass",
        "class A(tool): pass", "class A(helper.Module): pass", "class A(metaclass=tool): pass",
        "@tool\nclass A: pass", "class A:\n  x = tool()", "class A:\n  print(1)",
        "class A:\n  def __init_subclass__(cls): pass", "class A:\n  @tool\n  def f(self): pass",
        "class A(Unknown): pass",
        "for i in x: pass", "while x: pass", "with x: pass", "try: pass\nfinally: pass",
        "if x: pass", "if TYPE_CHECKING:\n  pass\nelse:\n  pass",
        "if __name__ == '__main__':\n  pass\nelse:\n  pass", "if __name__ == 'other':\n  pass",
    ],
)  # fmt: skip
def test_anything_else_acts(text: str) -> None:
    assert acts(text)


def test_what_a_script_does_as_a_script_acts_in_it() -> None:
    text = "if __name__ == '__main__':\n  tool()"
    assert acts(text, "__main__")


def test_a_text_that_is_no_python_acts_as_a_whole() -> None:
    for text in (b"def", b"\0"):
        found = syntax_of(text, "")
        assert list(found.definitions) == [ACTING]
        assert found.definitions[ACTING].lines == []
        assert not found.is_patching
    assert syntax_of(b"def", "").definitions != syntax_of(b"def g", "").definitions


MODULE = '''\
"""About it."""
import a.b
import c as d
from . import near
from .deep import *
from ..up import one as two

LIMIT: int = 3
first, second = 1, LIMIT

@d.cached
def f(x, *, y=LIMIT):
    """Text."""
    global second
    import inside.module as g
    second = g.value + x.shape[0] + near.things.deep(y)
    return importlib.import_module("other")

class A:
    z = LIMIT

if LIMIT:
    extra = tool(first)

@f.check_options
def _(options):
    return helper(options)
'''


def test_each_definition_has_its_names_imports_and_lines() -> None:
    found = read(MODULE, "pack.age")
    definitions = found.definitions
    assert set(definitions) == {
        ACTING, "LIMIT", "first", "second", "f", "A", "extra", "_",
    }  # fmt: skip
    assert found.imports == {
        "a": Import("a"), "d": Import("c"), "near": Import("pack.age", "near"),
        "two": Import("pack.up", "one"), "g": Import("inside.module"),
    }  # fmt: skip
    assert set(found.others) == {Import("a.b"), Import("pack.age.deep", "*")}
    f = definitions["f"]
    assert set(f.uses) == {
        "d.cached", "LIMIT", "second", "g.value", "x.shape", "near.things.deep", "y",
        "importlib.import_module", "f.check_options", "helper", "options",
    }  # fmt: skip
    assert set(f.imports) == {Import("inside.module"), Import("other")}
    assert f.lines == [(11, 17), (25, 27)], "with its decorator, and what belongs to it"
    assert definitions["A"].lines == [(19, 20)]
    assert definitions["second"].lines == definitions["first"].lines == [(9, 9)]
    assert definitions["extra"].lines == [(22, 23)]
    assert definitions[ACTING].lines == [(11, 17), (22, 23)]
    assert {"LIMIT", "tool", "first"} <= set(definitions["extra"].uses)


@pytest.mark.parametrize(
    ("text", "package", "found"),
    [
        ("from . import x", "a.b", Import("a.b", "x")),
        ("from .c import x", "a.b", Import("a.b.c", "x")),
        ("from .. import x", "a.b", Import("a", "x")),
        ("from ..c import x", "a.b", Import("a.c", "x")),
        ("from a import x", "a.b", Import("a", "x")),
        ("from . import x", "", None),
    ],
)
def test_a_relative_import_starts_in_its_package(
    text: str, package: str, found: Import | None
) -> None:
    assert read(text, package).imports.get("x") == found


def test_of_two_imports_of_one_name_both_count() -> None:
    text = "try:\n  from a import x\nexcept ImportError:\n  from b import x\n"
    assert read(text).imports == {"x": Import("a", "x")}
    assert set(read(text).others) == {Import("b", "x")}
    assert read("from a import x\nfrom b import x\n").imports == {"x": Import("b", "x")}


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("try:\n  import a.b\nexcept E: import c as d", {"a", "d"}),
        ("with a as b: c = 1", {"b", "c"}),
        ("for a, (b, *c) in x: pass", {"a", "b", "c"}),
        ("if x:\n  def a(b): pass\n  class C: pass", {"a", "b", "C"}),
        ("try: pass\nexcept E as a: pass", {"a"}),
        ("match x:\n  case {'k': a, **b}: pass\n  case [c, *d] as e: pass", set("abcde")),
        ("if TYPE_CHECKING:\n  import a.b\n  from c import d", {"a", "d"}),
        ("del a", {"a"}),
    ],
)
def test_the_names_that_a_statement_binds_are_definitions(statement: str, names: set[str]) -> None:
    found = read(statement).definitions
    assert set(found) == names | {ACTING}
    is_acting = not statement.startswith("if TYPE_CHECKING")
    assert all(bool(found[name].lines) == is_acting for name in names)


BLIND = [
    "exec('1')", "eval('1')", "globals()", "locals()", "vars(x)", "__import__(x)", "compile(x)",
    "importlib.import_module(x)", "importlib.import_module('.a')", "importlib.import_module()",
    "f.__globals__", "A.__subclasses__()", "sys.modules['a']", "frame.f_globals", "unknown",
    "unknown.x", "unknown()",
]  # fmt: skip
SEEING = [
    "importlib.import_module('a')", "__import__('a')", "x.eval()", "x.compile", "len(x)",
    "__file__", "[y for y in x]", "f(lambda y: y)", "(y := 1)", "A.exec(x)",
]  # fmt: skip


@pytest.mark.parametrize("expression", BLIND)
def test_a_definition_that_may_use_hidden_names_is_blind(expression: str) -> None:
    assert definition(expression).is_blind


@pytest.mark.parametrize("expression", SEEING)
def test_a_definition_whose_names_are_all_shown_is_not(expression: str) -> None:
    assert not definition(expression).is_blind


def definition(expression: str) -> Definition:
    head = "import importlib\nimport sys\nclass A: pass\n"
    text = f"{head}def f(x, frame=None):\n    return {expression}\n"
    return read(text).definitions["f"]


@pytest.mark.parametrize(
    "body",
    [
        "for y in x: y", "with x as y: y", "try: pass\n  except E as y: y",
        "match x:\n    case [*y]: y", "match x:\n    case {**y}: y", "match x:\n    case 1 as y: y",
        "def y(): pass\n  y()", "class y: pass\n  y()", "import y.z\n  y.z", "from z import y\n  y",
        "y: int = 1\n  y", "del y",
    ],
)  # fmt: skip
def test_a_name_that_a_function_binds_is_its_own(body: str) -> None:
    text = f"class E(Exception): pass\ndef f(x):\n  {body}\n"
    assert not read(text).definitions["f"].is_blind


def test_a_function_that_imports_all_names_is_blind() -> None:
    assert read("class A:\n  from a import *\n").definitions["A"].is_blind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import a\na.x = 1", True),
        ("import a\na.x.y += 1", True),
        ("import a\na.x['y'] = 1", True),
        ("import a\ndel a.x", True),
        ("import a\ndef f():\n  a.x, y = 1, 2", True),
        ("def f():\n  import a\n  a.x = 1", True),
        ("import a\nsetattr(a, 'x', 1)", True),
        ("import a\nsetattr(b, 'x', 1)", False),
        ("setattr()", False),
        ("from unittest import mock\nmock.patch('a.x')", True),
        ("monkeypatch.setattr(1)", True),
        ("monkeypatched.setattr(1)", False),
        ("import a\nb.x = 1", False),
        ("import a\nx = a.x", False),
        ("import a\na = 1", False),
    ],
)
def test_a_module_that_sets_attributes_of_another_patches(text: str, expected: bool) -> None:
    assert read(text).is_patching == expected


def digest(text: str, name: str = "f") -> str:
    return read(text).definitions[name].digest


def test_comments_docstrings_and_formatting_do_not_count() -> None:
    plain = digest("def f(x):\n    pass\n    return x+1\n")
    assert digest("# one\ndef f( x ):\n    'Doc.'\n    # two\n    return (x + 1)\n") == plain
    assert digest("def f(x):\n    'Doc.'\n    return x + 1\n", "f") == plain
    assert digest("def f(x):\n    pass\n    return x + 2\n") != plain
    assert digest("def f(y):\n    pass\n    return x + 1\n") != plain


def test_docstrings_count_in_a_module_that_looks_at_them() -> None:
    text = "def f():\n    '%s'\ndef g():\n    return f.__doc__\n"
    assert digest(text % "one") != digest(text % "two")


def test_two_texts_of_one_definition_have_one_digest_wherever_they_stand() -> None:
    assert digest("def f(): return 1\n") == digest("x = 1\n\n\ndef f():\n    return 1\n")


KEEPING = [
    ("x = 1", "nothing"),
    ("x = {}", "container"),
    ("x = []", "container"),
    ("x = {1: 2}", "items"),
    ("x = [1]", "items"),
    ("x = set()", "container"),
    ("x = deque(maxlen=3)", "container"),
    ("x = deque([1])", "object"),
    ("x = dict()", "container"),
    ("x = dict({1: 2})", "items"),
    ("x: list = []", "container"),
    ("x = tool()", "object"),
    ("x = len('a')", "nothing"),
    ("x = {'a': {}}", "items"),
    ("if a:\n  x = {}", "container"),
    ("def x(): pass", "nothing"),
    ("def x(y): y.append(1)", "nothing"),
    ("def x(): KNOWN.append(1)", "function"),
    ("def x(): KNOWN['a'] = 1", "function"),
    ("def x(): KNOWN.a.b = 1", "function"),
    ("def x(): KNOWN.get(1)", "nothing"),
    ("def x(): return KNOWN['a']", "nothing"),
    ("def x():\n  KNOWN = []\n  KNOWN.append(1)", "nothing"),
    ("def x(KNOWN): KNOWN.append(1)", "nothing"),
    ("def x():\n  global y\n  y = 1", "function"),
    ("@cache\ndef x(): pass", "function"),
    ("@functools.lru_cache(maxsize=1)\ndef x(): pass", "function"),
    ("def x(a=[]): pass", "function"),
    ("def x(*, a={}): pass", "function"),
    ("def x(a=[1]): pass", "function"),
    ("def x(a=(1, None)): pass", "nothing"),
    ("def x(a=KNOWN): pass", "nothing"),
    ("def x(a=tool()): pass", "object"),
    ("x = (1, 'a')", "nothing"),
    ("x = torch.zeros(1)", "value"),
    ("@one\nclass x: pass", "object"),
    ("@dataclass\nclass x:\n  a: int = 1", "nothing"),
    ("class x:\n  def f(self): type(self).a = 1", "function"),
    ("class x:\n  def f(self): self.__class__.a = 1", "function"),
    ("class x:\n  def f(self): setattr(type(self), 'a', 1)", "function"),
    ("class x:\n  def f(self):\n    a = type(self)\n    a.b = 1", "function"),
    ("class x:\n  @classmethod\n  def f(a): a.b = 1", "function"),
    ("class x:\n  def f(a): a.b = 1", "nothing"),
    ("def x(): return lambda a=[]: a", "function"),
    ("class x:\n  a = []", "container"),
    ("class x:\n  a = tool()", "object"),
    ("class x:\n  def f(self): pass", "nothing"),
    ("class x:\n  def f(self): self.a = 1", "methods"),
    ("class x:\n  def f(self): self.a.append(1)", "methods"),
    ("class x:\n  @classmethod\n  def f(cls): cls.a = 1", "function"),
    ("class x:\n  @cached_property\n  def f(self): pass", "methods"),
    ("def x():\n  n = 0\n  def f():\n    nonlocal n\n    n += 1\n  return f", "methods"),
    ("def x():\n  a = [1]\n  def f(): a.append(1)\n  return f", "methods"),
    ("def x():\n  def f():\n    a = [1]\n    a.append(1)\n  return f", "nothing"),
]


HANDED = [  # what a function hands on to anything, and to libraries and methods alone
    ("return K[1] + K[2]", [], []),
    ("return [one for one in K if one in K]", [], []),
    ("return K.get(1)", [], []),
    ("return len(K)", [], ["K"]),
    ("return torch.add(K, 1)", ["torch"], ["K"]),
    ("a.b(K)", [], ["K"]),
    ("g(K)", ["K"], []),
    ("g(*K)", ["K"], []),
    ("g([K, 1])", ["K"], []),
    ("g(K[1])", [], []),
    ("K.fill_(1)", ["K"], []),
    ("other.K.weight.fill_(1)", ["other.K.weight"], []),
    ("K[1].fill_(1)", ["K"], []),
    ("setattr(K, 'b', 1)", ["K"], []),
    ("b = K", ["K"], []),
    ("return K or 1", ["K"], []),
    ("def inner(b=K): pass", ["K"], []),
    ("a.fill_(1)\n  g(a)", [], []),
]


@pytest.mark.parametrize(("body", "given", "lent"), HANDED, ids=repr)
def test_what_a_definition_hands_on_may_be_changed(
    body: str, given: list[str], lent: list[str]
) -> None:
    found = read(f"{HEAD}import other\nK = [1]\ndef g(): pass\ndef f(a):\n  {body}\n")
    assert found.definitions["f"].given == given
    assert found.definitions["f"].lent == lent


@pytest.mark.parametrize(("text", "keeping"), KEEPING, ids=repr)
def test_a_definition_may_keep_values_from_one_call_to_the_next(text: str, keeping: str) -> None:
    found = read(f"{HEAD}import functools\nKNOWN = 1\n{text}\n")
    assert found.definitions["x"].keeping == keeping

"""Edits of code after which the result is the same: comments, formatting, what is not reached."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, measuring

_TOP = (
    "import helper\n\nK = 1\nUNUSED = 1\n\n\ndef f(a):\n    '''Give.'''\n    return a + K\n\n\n"
    "def unused():\n    return 5\n"
)
_HELPER = (
    "'''A helper.'''\nLEVEL = 1\n\n\ndef level():\n    return LEVEL\n\n\n"
    "def other():\n    return 3\n"
)
_STEPS = measuring("f(2) + helper.level()", _TOP) + (
    "\n\n@step(outputs='x')\ndef other(*, k: int = 7) -> int:\n    '''Other.'''\n    return k\n"
)
_FILES = {"steps.py": _STEPS, "helper.py": _HELPER, "unused.py": "A = 1\n"}
_PACKAGE = {
    "pk/__init__.py": "", "pk/a.py": "def level():\n    return 1\n", "pk/b.py": "B = 1\n",
    "steps.py": measuring("pk.a.level()", "import pk.a"),
}  # fmt: skip


def _case(name: str, edit: str, *, needless: str = "", files: dict[str, str] = _FILES) -> Case:
    return Case(
        kind="same code", name=name, files=files, edit=edit, differs=False, needless=needless
    )


def _steps(name: str, old: str, new: str, *, needless: str = "") -> Case:
    return _case(name, f"change('steps.py', {old!r}, {new!r})", needless=needless)


def _helper(name: str, old: str, new: str, *, needless: str = "") -> Case:
    return _case(f"{name} of a helper", f"change('helper.py', {old!r}, {new!r})", needless=needless)


CASES = [
    _steps("a comment above", "from flowrun", "# steps\nfrom flowrun"),
    _steps("a comment in the step", "    return f(2)", "    # two\n    return f(2)"),
    _steps("a comment at a line's end", "K = 1\n", "K = 1  # one\n"),
    _steps("a docstring of the step", "Measure.", "Measures all."),
    _steps("a docstring of a function", "Give.", "Gives."),
    _steps("a docstring that comes", "def unused():\n", "def unused():\n    '''New.'''\n"),
    _steps("a docstring of the module", "from flowrun", "'''Steps.'''\nfrom flowrun"),
    _steps("formatting", "f(2) + helper", "f( 2 )  +  helper"),
    _steps("parentheses", "return f(2) + helper.level()", "return (f(2) + helper.level())"),
    _steps("quotes", 'outputs="y"', "outputs='y'"),
    _steps("empty lines", "def f(a)", "\n\n\n\ndef f(a)"),
    _steps("numbers written otherwise", "f(2)", "f(0x2)"),
    _steps("a neighbouring step", "    return k\n", "    return k + 1\n"),
    _steps("a neighbouring step's option", "k: int = 7", "k: int = 8"),
    _steps("a neighbouring step that goes", "def other(*, k: int = 7)",
           "def others(*, k: int = 7)"),
    _steps("a function that nobody calls", "return 5", "return 6"),
    _steps("a constant that nobody uses", "UNUSED = 1", "UNUSED = 2"),
    _steps("a function that comes", "def unused", "def new():\n    return 1\n\n\ndef unused"),
    _steps("a step that comes", "@step(outputs='x')", "@step(outputs='z')\ndef new() -> int:\n"
           "    '''New.'''\n    return 1\n\n\n@step(outputs='x')"),
    _steps("an import of the library that nobody uses", "import helper",
           "import math\nimport helper"),
    _case("definitions in another order",
          "t = Path('steps.py').read_text()\ni, j = t.index('def f(a)'), t.index('def unused')\n"
          "write('steps.py', t[:i] + t[j:] + '\\n\\n' + t[i:j])"),
    _steps("what is run as a script", "import helper", "import helper\nif __name__ == '__main__':\n"
           "    print(1)\n"),
    _steps("imports for types alone", "import helper", "import helper\nfrom typing import "
           "TYPE_CHECKING\nif TYPE_CHECKING:\n    import json\n"),
    _helper("a comment", "LEVEL = 1", "# one\nLEVEL = 1"),
    _helper("the docstring", "A helper.", "The helper."),
    _helper("another function", "return 3", "return 4"),
    _helper("a function that comes", "def other", "def new():\n    return 1\n\n\ndef other"),
    _case("a helper touched", "os.utime('helper.py', (5, 5))"),
    _case("a file of steps touched", "os.utime('steps.py', (5, 5))"),
    _case("a module that nobody imports", "change('unused.py', '1', '2')"),
    _case("a module that nobody imports goes", "os.remove('unused.py')"),
    _case("a module that nobody imports comes", "write('new.py', 'A = 1')"),
    _case("another module of a package", "change('pk/b.py', '1', '2')", files=_PACKAGE),
    _case("a new module of a package", "write('pk/c.py', '')", files=_PACKAGE),
    _case("a test beside the steps", "write('test_steps.py', 'def test():\\n    pass\\n')"),
    _case("another plugin that patches nothing",
          "change('recipe.yaml', './steps.py', './steps.py, ./unused.py')"),
    _case("another plugin's edit", "change('two.py', '1', '2')", files={
        **_FILES, "recipe.yaml": "recipe: r\nplugins: [./steps.py, ./two.py]\nsteps:\n"
        "  - measure\n", "two.py": "A = 1\n"}),
    _case("the helper of another folder's steps", "change('b/helper.py', '1', '2')", files={
        "recipe.yaml": "recipe: r\nplugins: [./a/steps.py, ./b/two.py]\nsteps:\n  - measure\n",
        "a/steps.py": measuring("helper.L", "import helper"), "a/helper.py": "L = 1\n",
        "b/helper.py": "L = 1\n", "b/two.py": "import helper\n"}),
    _case("one step of two", "change('steps.py', '10', '11')", files={
        "recipe.yaml": "recipe: r\nplugins: [./steps.py]\nsteps:\n  - measure\n",
        "steps.py": "from flowrun import step\n\n\n@step(outputs='z')\ndef late() -> int:\n"
        "    '''Late.'''\n    return 10\n\n\n" + measuring("3")}),
    _case("a function that a computed import could reach", "change('helper.py', '3', '4')",
          files={"helper.py": _HELPER, "steps.py": measuring(
              "importlib.import_module('hel' + 'per').level()", "import importlib")},
          needless="a computed import is not followed: all local files that are loaded count"),
    _case("a function that eval could reach", "change('steps.py', '3', '4')", files={
        "steps.py": measuring("eval('f()')", "def f():\n    return 1\n\n\ndef g():\n    return 3")},
          needless="what eval uses is not in the text: all of the module counts"),
    _case("a statement that acts at import", "change('steps.py', 'print(1)', 'print(2)')", files={
        "steps.py": measuring("1", "print(1)")},
          needless="statements that act when the module is imported count for all of its steps"),
]  # fmt: skip

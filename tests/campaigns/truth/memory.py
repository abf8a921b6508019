"""Files read once in a process, by code that keeps what it read, for two steps.

In the first run the second step is given what the first one read; after the edit it is not.
"""

from __future__ import annotations

from textwrap import indent

from tests.campaigns.truth.case import Case, measuring

_RECIPE = "recipe: r\nplugins: [./steps.py]\nsteps:\n  - first\n  - measure\n"
_FIRST = "\n\n\n@step(outputs='x')\ndef first() -> object:\n    '''First.'''\n    {}\n"
_READ = "def read():\n    return open('data').read()\n\n"


def _first(expression: str) -> str:
    body = expression if "return " in expression else f"return {expression}"
    return _FIRST.format(body.replace("\n", "\n    "))


def _case(name: str, expression: str, top: str, helper: str = "") -> Case:
    files = {
        "recipe.yaml": _RECIPE,
        "data": "1",
        "steps.py": measuring(expression, top) + _first(expression),
    }
    if helper:
        files["helper.py"] = helper
    return Case(kind="memory", name=name, files=files, edit="change('data', '1', '2')")


_CACHED = "import functools\n\n@functools.{}\ndef get():\n    return open('data').read()"
_CLASS = (
    "class Table:\n    text = None\n    def get(self):\n        if self.text is None:\n"
    "            self.text = open('data').read()\n        return self.text\n"
)

_APART = {
    "data": "1",
    "other": "1",
    "steps.py": measuring("read('data')", "def read(name):\n    return open(name).read()")
    + _first("read('other')"),
}


def _filling(table: str, head: str = "def get():", value: str = "read()") -> str:
    """A function that reads once, into a table."""
    return f"{head}\n    if 1 not in {table}:\n        {table}[1] = {value}\n    return {table}[1]"


CASES = [
    _case("functools.cache", "get()", _CACHED.format("cache")),
    _case("functools.lru_cache with a size", "get()", _CACHED.format("lru_cache(maxsize=8)")),
    _case("lru_cache of another function", "get()",
          f"from functools import lru_cache\n\n{_READ}get = lru_cache(read)"),
    _case("functools.cache in a helper", "helper.get()", "import helper",
          _CACHED.format("cache")),
    _case("functools.cache imported late", "import helper\nreturn helper.get()", "",
          _CACHED.format("cache")),
    _case("a table", "get()", f"{_READ}K = {{}}\n{_filling('K')}"),
    _case("a table by setdefault", "get()", f"{_READ}K = dict(a=1)\ndef get():\n"
          "    if 'b' not in K:\n        K.setdefault('b', read())\n    return K['b']"),
    _case("a table by another name", "get()",
          f"{_READ}K = {{}}\n" + _filling("k", "def get():\n    k = K")),
    _case("a table of a helper", "get()", f"import helper\n{_READ}{_filling('helper.K')}",
          "K = {1.5: 0}"),
    _case("a table given on", "get(K)", f"{_READ}K = {{}}\n{_filling('k', 'def get(k):')}"),
    _case("a list", "get()", f"{_READ}K = [0]\ndef get():\n    if len(K) < 2:\n"
          "        K.append(read())\n    return K[-1]"),
    _case("a global variable", "get()", f"{_READ}K = None\ndef get():\n    global K\n"
          "    K = K or read()\n    return K"),
    _case("an attribute of a function", "get()", f"{_READ}def get():\n"
          "    if not hasattr(get, 'k'):\n        get.k = read()\n    return get.k"),
    _case("the default of an argument", "get()", _READ + _filling("k", "def get(k={}):")),
    _case("an attribute of a class", "A.get()", f"{_READ}class A:\n    k = None\n"
          "    @classmethod\n    def get(cls):\n        if cls.k is None:\n"
          "            cls.k = read()\n        return cls.k"),
    _case("an object", "T.get()", f"{_CLASS}T = Table()"),
    _case("an object of a helper", "helper.T.get()", "import helper", f"{_CLASS}T = Table()"),
    _case("an object whose class is a helper's", "T.get()", "import helper\nT = helper.Table()",
          _CLASS),
    _case("a closure", "get()", f"{_READ}def make():\n    k = {{}}\n"
          f"{indent(_filling('k'), '    ')}\n    return get\nget = make()"),
    _case("nonlocal", "get()", f"{_READ}def make():\n    k = None\n    def get():\n"
          "        nonlocal k\n        k = k or read()\n        return k\n    return get\n"
          "get = make()"),
    _case("cached_property", "T.text", "from functools import cached_property\n\nclass Table:\n"
          "    @cached_property\n    def text(self):\n        return open('data').read()\n"
          "T = Table()"),
    _case("read in a thread", "get()", "from concurrent.futures import ThreadPoolExecutor\n"
          f"{_READ}K = {{}}\ndef get():\n    if 1 not in K:\n"
          "        with ThreadPoolExecutor(1) as pool:\n"
          "            K[1] = pool.submit(read).result()\n    return K[1]"),
    _case("read in a pool of threads of the module", "get()",
          "from concurrent.futures import ThreadPoolExecutor\n"
          f"{_READ}K = {{}}\nPOOL = ThreadPoolExecutor(1)\nPOOL.submit(int).result()\n"
          + _filling("K", value="POOL.submit(read).result()")),
    _case("a file and its size in a table", "get()", "import pathlib\nK = {}\n" + _filling(
          "K", value="pathlib.Path('data').stat().st_size, pathlib.Path('data').read_text()")),
    Case(kind="memory", name="two steps of files apart keep nothing",
         files={"recipe.yaml": _RECIPE, **_APART}, edit="change('data', '1', '2')",
         keeps=("first",)),
    Case(kind="memory", name="a step behind one whose file changes is kept",
         files={"recipe.yaml": _RECIPE.replace("  - first\n", "") + "  - first\n", **_APART},
         edit="change('data', '1', '2')", keeps=("first",)),
]  # fmt: skip

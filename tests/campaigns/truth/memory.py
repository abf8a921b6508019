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

_OF_CLASS = (
    "class Reader:\n    text = None\n    def read({0}):\n        if {0}.text is None:\n"
    "            {1}.text = open('data').read()\n        return {0}.text\n"
)
_ITEM = (
    "{head}\n    if {k}[{key}] is None:\n        {k}[{key}] = open('data').read()\n"
    "    return {k}[{key}]\n"
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


def _apart(name: str, top: str, call: str) -> Case:
    """Two steps that read each a file of its own, by a helper that keeps nothing."""
    files = {
        "recipe.yaml": _RECIPE,
        "data": "1",
        "other": "1",
        "helper.py": top,
        "steps.py": measuring(call.format("data"), "import helper") + _first(call.format("other")),
    }
    name = f"two steps of files apart read by {name}"
    edit = "change('data', '1', '2')"
    return Case(kind="memory", name=name, files=files, edit=edit, keeps=("first",))


_PLAIN = {
    "csv": (
        "import csv\ndef read(path):\n    with open(path) as f:\n"
        "        return [row for row in csv.reader(f)]\n",
        "helper.read('{}')",
    ),
    "json below a folder of the module": (
        "import json\nfrom pathlib import Path\nFOLDER = Path('.')\ndef read(name):\n"
        "    return json.loads((FOLDER / name).read_text())\n",
        "helper.read('{}')",
    ),
    "numpy with columns of the module": (
        "import numpy as np\nCOLUMNS = [0]\ndef read(path):\n"
        "    table = np.loadtxt(path, usecols=COLUMNS, ndmin=1)\n    table[0] += 1\n"
        "    return table.take(COLUMNS).tolist()\n",
        "helper.read('{}')",
    ),
    "an object that is made each time": (
        "class Reader:\n    units = {'m': 1}\n    def __init__(self, path):\n"
        "        self.text = open(path).read()\n        self.unit = self.units['m']\n",
        "helper.Reader('{}').text",
    ),
    "a dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass Text:\n    text: str\n"
        "    @classmethod\n    def read(cls, path):\n        return cls(open(path).read())\n",
        "helper.Text.read('{}').text",
    ),
    "torch with a mean of the module": (
        "import torch\nMEAN = torch.tensor([0.5])\ndef read(path):\n"
        "    value = torch.tensor([float(open(path).read())])\n"
        "    return float((value - MEAN.view(1)) / MEAN[0])\n",
        "helper.read('{}')",
    ),
}


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
    _case("a database in memory", "get()", "import sqlite3\nDB = sqlite3.connect(':memory:')\n"
          f"DB.execute('create table t (x)')\n{_READ}def get():\n"
          "    if not DB.execute('select x from t').fetchall():\n"
          "        DB.execute('insert into t values (?)', [read()])\n"
          "    return DB.execute('select x from t').fetchone()[0]"),
    _case("an attribute read when it is asked for", "T.text", "class Table:\n"
          "    def __getattr__(self, name):\n        value = open('data').read()\n"
          "        object.__setattr__(self, name, value)\n        return value\nT = Table()"),
    Case(kind="memory", name="two steps of files apart that write to a log",
         files={"recipe.yaml": _RECIPE, **_APART, "steps.py": _APART["steps.py"].replace(
             "def read(name):", "import logging\nLOG = logging.getLogger('r')\n"
             "def read(name):\n    LOG.info(name)")},
         edit="change('data', '1', '2')", keeps=("first",)),
    _case("a decorator of the user's own that keeps", "get()", "from helper import memo\n@memo\n"
          "def get():\n    return open('data').read()", "class memo:\n    def __init__(self, f):\n"
          "        self.f, self.v = f, None\n    def __call__(self):\n"
          "        self.v = self.v or self.f()\n        return self.v\n"),
    _case("a decorator of the user's own that keeps in a closure", "get()",
          "from helper import memo\n@memo\ndef get():\n    return open('data').read()",
          "def memo(f):\n    k = []\n    def inner():\n        if not k:\n"
          "            k.append(f())\n        return k[0]\n    return inner\n"),
    _case("a variable of the context", "get()", f"from contextvars import ContextVar\n{_READ}"
          "K = ContextVar('K', default=None)\ndef get():\n    if K.get() is None:\n"
          "        K.set(read())\n    return K.get()"),
    _case("a singleton by a decorator", "helper.Config().data", "import helper",
          "def singleton(cls):\n    made = {}\n    def get():\n        if cls not in made:\n"
          "            made[cls] = cls()\n        return made[cls]\n    return get\n\n@singleton\n"
          "class Config:\n    def __init__(self):\n        self.data = open('data').read()\n"),
    _case("the class of an object, by type", "helper.Reader().read()", "import helper",
          _OF_CLASS.format("self", "type(self)")),
    _case("the class of an object, by its attribute", "helper.Reader().read()", "import helper",
          _OF_CLASS.format("self", "self.__class__")),
    _case("the class of an object, by a variable", "helper.Reader().read()", "import helper",
          _OF_CLASS.format("self", "kind").replace("        if", "        kind = type(self)\n"
                                                   "        if")),
    _case("a class by a name of the user's own", "helper.Reader.read()", "import helper",
          _OF_CLASS.format("klass", "klass").replace("    def", "    @classmethod\n    def")),
    _case("a class by setattr", "helper.Reader().read()", "import helper",
          _OF_CLASS.format("self", "type(self)").replace(
              "type(self).text = open('data').read()",
              "setattr(type(self), 'text', open('data').read())")),
    _case("the default of an argument with an item", "helper.read()", "import helper",
          _ITEM.format(head="def read(k=[None]):", k="k", key=0)),
    _case("an object as the default of an argument", "helper.table().text", "import helper",
          "from functools import cached_property\nclass Table:\n    @cached_property\n"
          "    def text(self):\n        return open('data').read()\n"
          "def table(_table=Table()):\n    return _table\n"),
    _case("a table as the default of an argument", "helper.read()", "import helper",
          "K = {'a': None}\n" + _ITEM.format(head="def read(k=K):", k="k", key="'a'")),
    _case("a table with items given to a function", "helper.read()", "import helper",
          "K = {'a': None}\ndef fill(k):\n    k['a'] = open('data').read()\ndef read():\n"
          "    if not K['a']:\n        fill(K)\n    return K['a']\n"),
    _case("a table with items by another name", "helper.read()", "import helper",
          "K = {'a': None}\n" + _ITEM.format(head="def read():\n    k = K", k="k", key="'a'")),
    _case("an array filled by a function", "helper.read()", "import helper",
          "import numpy as np\nK = np.zeros(1)\ndef read():\n    if not K.any():\n"
          "        np.copyto(K, np.loadtxt('data'))\n    return float(K[0])\n"),
    _case("a tensor filled by a method", "helper.read()", "import helper",
          "import torch\nK = torch.zeros(1)\ndef read():\n    if not K.any():\n"
          "        K.copy_(torch.tensor([float(open('data').read())]))\n"
          "    return float(K[0])\n"),
    Case(kind="memory", name="two steps of files apart keep nothing",
         files={"recipe.yaml": _RECIPE, **_APART}, edit="change('data', '1', '2')",
         keeps=("first",)),
    *(_apart(name, *code) for name, code in _PLAIN.items()),
    Case(kind="memory", name="a step behind one whose file changes is kept",
         files={"recipe.yaml": _RECIPE.replace("  - first\n", "") + "  - first\n", **_APART},
         edit="change('data', '1', '2')", keeps=("first",)),
]  # fmt: skip

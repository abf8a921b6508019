"""Steps of a notebook: `__main__` has no file, and its cells are run again."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, measuring


def _case(
    name: str,
    expression: str,
    top: str,
    edit: str,
    *,
    differs: bool = True,
    needless: str = "",
    module: str = "",
) -> Case:
    """module: the text of `cfg.py`, which the cells may import."""
    return Case(
        kind="notebooks",
        name=name,
        files={"cfg.py": module} if module else {},
        cells=measuring(expression, top),
        edit=edit,
        differs=differs,
        needless=needless,
    )


_NO_PICKLE = "a global that cannot be pickled may always have changed"


def _again(expression: str, top: str = "") -> str:
    return measuring(expression, top)


CASES = [
    _case("the step is defined again", "1", "", _again("2")),
    _case("a global", "H", "H = 1", "H = 2"),
    _case("a global of a function", "f()", "H = 1\ndef f():\n    return H", "H = 2"),
    _case("a function", "f()", "def f():\n    return 1", "def f():\n    return 2"),
    _case("a function of a function", "g()", "def f():\n    return 1\ndef g():\n    return f()",
          "def f():\n    return 2"),
    _case("a list changed in place", "list(H)", "H = [1]", "H.append(2)"),
    _case("a dict changed in place", "dict(H)", "H = {'a': 1}", "H['a'] = 2"),
    _case("a tensor changed in place", "H.tolist()", "import torch\nH = torch.ones(2)",
          "H.mul_(2)"),
    _case("an array changed in place", "H.tolist()", "import numpy\nH = numpy.ones(2)", "H += 1"),
    _case("a class's attribute", "A.k", "class A:\n    k = 1", "A.k = 2"),
    _case("a class's method", "A().f()", "class A:\n    def f(self):\n        return 1",
          "class A:\n    def f(self):\n        return 2"),
    _case("a method set from outside", "A().f()", "class A:\n    def f(self):\n        return 1",
          "A.f = lambda self: 2"),
    _case("an object's attribute", "a.k", "class A:\n    pass\na = A()\na.k = 1", "a.k = 2"),
    _case("a lock", "LOCK.locked()", "import threading\nLOCK = threading.Lock()",
          "LOCK.acquire()", needless=_NO_PICKLE),
    _case("a lambda", "f()", "f = lambda: 1", "f = lambda: 2"),
    _case("a closure", "f()", "def outer(n):\n    return lambda: n\nf = outer(1)", "f = outer(2)"),
    _case("a default", "f()", "def f(a=1):\n    return a", "def f(a=2):\n    return a"),
    _case("partial", "f()", "from functools import partial\ndef g(n):\n    return n\n"
          "f = partial(g, 1)", "f = partial(g, 2)"),
    _case("a function by globals()", "globals()['f']()", "def f():\n    return 1",
          "def f():\n    return 2"),
    _case("a function by eval", "eval('f' + '()')", "def f():\n    return 1",
          "def f():\n    return 2"),
    _case("a global in a comprehension", "[H for _ in range(2)]", "H = 1", "H = 2"),
    _case("a global of a nested function", "(lambda: H)()", "H = 1", "H = 2"),
    _case("a global that comes", "f()", "def f():\n    try:\n        return H\n"
          "    except NameError:\n        return 1", "H = 2"),
    _case("a wrapped function", "f()", "import functools\ndef wrap(g, k):\n"
          "    @functools.wraps(g)\n    def inner():\n        return g() * k\n    return inner\n"
          "def g():\n    return 1\nf = wrap(g, 1)", "f = wrap(g, 2)"),
    _case("a constant of an installed module", "math.tau", "import math", "math.tau = 2"),
    _case("a function of an installed module", "textwrap.dedent(' a')",
          "import textwrap", "textwrap.dedent = lambda text: 'no'"),
    _case("a file", "open('a.txt').read()", "write = None\nopen('a.txt', 'w').write('1')",
          "open('a.txt', 'w').write('2')"),
    _case("a variable", "os.environ.get('LEVEL')", "import os", "os.environ['LEVEL'] = '2'"),
    _case("a variable of a module, read by its function", "cfg.get()", "import cfg", "cfg.K = 2",
          module="K = 1\ndef get():\n    return K\n"),
    _case("a variable of a module that the module imports", "cfg.get()", "import cfg, more",
          "more.K = 2", module="open('more.py', 'w').write('K = 1')\nimport more\n"
          "def get():\n    return more.K\n"),
    _case("a table of a module", "cfg.T['k']", "import cfg", "cfg.T['k'] = 2",
          module="T = {'k': 1}\n"),
    _case("a list of a module", "list(cfg.T)", "import cfg", "cfg.T.append(2)",
          module="T = [1]\n"),
    _case("an object of a module", "cfg.a.k", "import cfg", "cfg.a.k = 2",
          module="class A:\n    k = 1\na = A()\n"),
    _case("a class of a module", "cfg.A.k", "import cfg", "cfg.A.k = 2",
          module="class A:\n    k = 1\n"),
    _case("an array of a module", "cfg.H.tolist()", "import cfg", "cfg.H += 1",
          module="import numpy\nH = numpy.ones(2)\n"),
    _case("a function of a module", "cfg.get()", "import cfg", "cfg.f = lambda: 2",
          module="def f():\n    return 1\ndef get():\n    return f()\n"),
    _case("an attribute of a function of a module", "cfg.get()", "import cfg", "cfg.get.k = 2",
          module="def get():\n    return get.k\nget.k = 1\n"),
    _case("an equal table of a module", "cfg.T['k']", "import cfg", "cfg.T = {'k': 1}",
          module="import threading\nT = {'k': 1}\nLOCK = threading.Lock()\n", differs=False),
    _case("the same step again", "1", "", _again("1"), differs=False),
    _case("its docstring", "1", "", _again("1").replace("Measure.", "Measures."), differs=False),
    _case("a comment", "1", "", _again("1 # one"), differs=False),
    _case("another global", "H", "H = 1", "G = 2", differs=False),
    _case("another function", "H", "H = 1", "def f():\n    return 2", differs=False),
    _case("an equal list", "list(H)", "H = [1]", "H = [1]", differs=False),
    _case("the same function again", "f()", "def f():\n    return 1",
          "\n\n\ndef f():\n    # again\n    return 1", differs=False),
]  # fmt: skip

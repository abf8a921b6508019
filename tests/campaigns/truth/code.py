"""The file of steps itself: by every way in which one definition reaches another."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, measuring


def _case(name: str, expression: str, top: str, options: str = "", old: str = "10") -> Case:
    files = {"steps.py": measuring(expression, top, options)}
    edit = f"change('steps.py', {old!r}, {old.replace('1', '2')!r})"
    return Case(kind="code", name=name, files=files, edit=edit)


def _moved(name: str, expression: str, statements: list[str], order: list[int]) -> Case:
    """The same statements in another order."""
    tops = ["\n".join(statements), "\n".join(statements[place] for place in order)]
    edit = f"change('steps.py', {tops[0]!r}, {tops[1]!r})"
    files = {"steps.py": measuring(expression, tops[0])}
    return Case(kind="code", name=name, files=files, edit=edit)


_CLASS = "class Base:\n    level = 10\n    def get(self):\n        return self.level\n"

CASES = [
    _case("the step", "10", ""),
    _case("a function", "f()", "def f():\n    return 10"),
    _case("a function of a function", "f()", "def g():\n    return 10\ndef f():\n    return g()"),
    _case("a function defined below", "f()", "def f():\n    return g()\ndef g():\n    return 10"),
    _case("one that calls itself", "f(3)", "def f(n):\n    return f(n - 1) if n else 10"),
    _case("a constant", "K", "K = 10"),
    _case("a constant, annotated", "K", "K: int = 10"),
    _case("a constant of another", "K", "J = 10\nK = J + 1"),
    _case("a constant computed at import", "K", "def f():\n    return 10\nK = f()"),
    _case("a table", "K['a']", "K = {'a': 10}"),
    _case("a table filled below", "K['a']", "K = {}\nK['a'] = 10"),
    _case("a table filled by update", "K['a']", "K = {}\nK.update(a=10)"),
    _case("a list extended", "K", "K = [1]\nK += [10]"),
    _case("a table filled in a loop", "K", "K = []\nfor n in (1, 10):\n    K.append(n)"),
    _case("a lambda in a table", "K['a']()", "K = {'a': lambda: 10}"),
    _case("a function in a table", "K[0]()", "def f():\n    return 10\nK = [f]"),
    _case("a table of functions that they enter", "K['f']()", "K = {}\ndef add(f):\n"
          "    K[f.__name__] = f\n    return f\n\n@add\ndef f():\n    return 10"),
    _case("a decorator", "f()", "def twice(g):\n    return lambda: g() * 10\n\n@twice\n"
          "def f():\n    return 3"),
    _case("a decorator with an argument", "f()", "def times(k):\n    return lambda g: lambda: "
          "g() * k\n\n@times(10)\ndef f():\n    return 3"),
    _case("a base class", "Own().get()", f"{_CLASS}class Own(Base):\n    pass"),
    _case("a class attribute", "Base.level", _CLASS),
    _case("a class attribute set below", "Base.level", _CLASS.replace("10", "3")
          + "Base.level = 10"),
    _case("a method", "A().f()", "class A:\n    def f(self):\n        return 10"),
    _case("a property", "A().f", "class A:\n    @property\n    def f(self):\n        return 10"),
    _case("a metaclass", "A.level", "class M(type):\n    level = 10\n\n"
          "class A(metaclass=M):\n    pass"),
    _case("__init_subclass__", "A.level", "class Base:\n    def __init_subclass__(cls):\n"
          "        cls.level = 10\n\nclass A(Base):\n    pass"),
    _case("all subclasses of a class", "[c.level for c in Base.__subclasses__()]",
          "class Base:\n    pass\n\nclass A(Base):\n    level = 10"),
    _case("a dataclass", "A().level", "from dataclasses import dataclass\n\n@dataclass\n"
          "class A:\n    level: int = 10"),
    _case("an enumeration", "A.X.value", "from enum import Enum\n\nclass A(Enum):\n    X = 10"),
    _case("the default of an argument", "f()", "def f(a=10):\n    return a"),
    _case("the default of an argument from a constant", "f()", "K = 10\ndef f(a=K):\n    return a"),
    _case("the default of an option", "k", "", "*, k: int = 10"),
    _case("the default of an option from a constant", "k", "K = 10", "*, k: int = K"),
    _case("the type of an option", "repr(k)", "", "*, k: int = 10", "int = 10"),
    _case("a closure", "f()", "def outer(n):\n    return lambda: n\nf = outer(10)"),
    _case("partial", "f()", "from functools import partial\n\ndef g(n):\n    return n\n"
          "f = partial(g, 10)"),
    _case("a branch at import", "f()", "import sys\nif sys.version_info > (3,):\n"
          "    def f():\n        return 10\nelse:\n    def f():\n        return 3"),
    _case("defined twice", "f()", "def f():\n    return 3\n\ndef f():\n    return 10"),
    _case("one of two that a name is", "f()", "def a():\n    return 10\ndef b():\n"
          "    return 3\nf = a"),
    _case("a global that a function sets", "f() and K", "K = 1\ndef f():\n    global K\n"
          "    K = 10\n    return True"),
    _case("globals()", "globals()['f']()", "def f():\n    return 10"),
    _case("eval", "eval('f' + '()')", "def f():\n    return 10"),
    _case("exec", "names = dict(globals()); exec('x = f()', names); return names['x']",
          "def f():\n    return 10"),
    _case("its own module by sys.modules", "getattr(sys.modules[__name__], 'f')()",
          "import sys\n\ndef f():\n    return 10"),
    _case("its own module by import", "import steps\nreturn steps.f()", "def f():\n    return 10"),
    _case("made by exec at import", "K", "exec('K = 10')"),
    _case("a name unpacked", "B", "A, B = 3, 10"),
    _case("a name starred", "B", "A, *B = 3, 10, 4"),
    _case("a walrus", "K", "print(K := 10)"),
    _case("a name of a with statement", "K", "from contextlib import nullcontext\n"
          "with nullcontext(10) as K:\n    pass"),
    _case("a name of a for statement", "K", "for K in [3, 10]:\n    pass"),
    _case("a generator", "list(f())", "def f():\n    yield 10"),
    _case("a comprehension", "[f(n) for n in (1, 3)]", "def f(n):\n    return n * 10"),
    _case("an f-string", "f'{f()}'", "def f():\n    return 10"),
    _case("a match", "match 15:\n    case x if f(x):\n        return 1\nreturn 0",
          "def f(x):\n    return x < 10", old="x < 10"),
    _case("an operator of a class", "A() + A()", "class A:\n    def __add__(self, other):\n"
          "        return 10"),
    _case("a docstring that is read", "f.__doc__", 'def f():\n    """A 10."""'),
    _case("a text that is inspected", "inspect.getsource(f)", "import inspect\n\ndef f():\n"
          "    return 10"),
    _case("annotations that are read", "f.__annotations__['a']", "def f(a: '10'):\n    pass"),
    _case("a cache of results", "f()", "from functools import lru_cache\n\n@lru_cache\ndef f():\n"
          "    return 10"),
    _case("a function called by map at import", "K", "K = []\nL = list(map(K.append, [10]))"),
    _case("a function of the user called by map at import", "sum(K)", "K = [1]\ndef add(n):\n"
          "    K.append(n)\n    return n\nL = list(map(add, [10, 3]))"),
    _case("a key called by sorted at import", "sum(K)", "K = [1]\ndef add(n):\n"
          "    K.append(n)\n    return n\nL = sorted([10, 3], key=add)"),
    _case("a lambda called by min at import", "sum(K)", "K = [1]\n"
          "L = min([10, 3], key=lambda n: K.append(n) or n)"),
    _case("a class in a text of an annotation", "typing.get_type_hints(A)['b']().n",
          "import typing\nclass A:\n    b: 'B'\nclass B:\n    n = 10"),
    _case("a class in a text within an annotation", "typing.get_type_hints(f)['b'].__args__[0].n",
          "import typing\ndef f(b: list['B']):\n    pass\nclass B:\n    n = 10"),
    _moved("a value set anew below one computed of it", "T[1]",
            ["K = 1", "T = [K * i for i in range(3)]", "K = 7"], [0, 2, 1]),
    _moved("a function defined anew below its other name", "g()",
            ["def f():\n    return 1", "g = f", "def f():\n    return 2"], [0, 2, 1]),
    _moved("a function defined below its import", "f()",
            ["from builtins import int as f", "def f():\n    return 2"], [1, 0]),
    _case("a list extended by its other name", "sum(K)", "K = [1]\nL = K\nL += [10]"),
    _case("its own module by inspect", "getattr(inspect.getmodule(f), 'model_' + 'a')()",
          "import inspect\ndef f():\n    pass\ndef model_a():\n    return 10"),
    _case("functions called at import", "K", "K = []\ndef fill():\n    K.append(10)\nfill()"),
]  # fmt: skip

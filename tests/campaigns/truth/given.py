"""What plugins give by hooks: file formats, and the items of another plugin's hook."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, measuring

_HOOK = """
from dataclasses import dataclass
from flowrun import Context, hookspec

@dataclass
class Barrel:
    name: str
    litres: object

class Hooks:
    @staticmethod
    @hookspec
    def flowrun_cellar_barrels():
        raise NotImplementedError

def flowrun_hookspecs():
    return Hooks
"""
_MEASURE = measuring(
    "ctx.plugins.items('flowrun_cellar_barrels')['a'].litres()", _HOOK, "*, ctx: Context"
)
_FORMAT = (
    "from flowrun import Format, hookimpl\nfrom helper import given\n"
    "@hookimpl\ndef flowrun_formats():\n    return [Format('pairs', ('.pairs',), given)]\n"
)
_TABLE = (
    "def table(path, times):\n    import torch\n"
    "    return torch.tensor([[float(path.read_text()) * times * helper_of.K]])\n"
)


def _item(name: str, helper: str, old: str = "10") -> Case:
    files = {
        "recipe.yaml": "recipe: r\nplugins: [./steps.py, ./oak.py]\nsteps: [measure]\n",
        "steps.py": _MEASURE,
        "oak.py": "from steps import Barrel\nfrom flowrun import hookimpl\n"
        "from helper import given\n"
        "@hookimpl\ndef flowrun_cellar_barrels():\n    return [Barrel('a', given)]\n",
        "helper.py": helper,
    }
    edit = f"change('helper.py', {old!r}, {old.replace('1', '2')!r})"
    return Case(kind="given", name=f"an item, {name}", files=files, edit=edit)


def _format(name: str, helper: str, edited: str = "helper_of.py", old: str = "10") -> Case:
    files = {
        "recipe.yaml": "recipe: r\nplugins: [./pairs.py, ./steps.py]\n"
        "steps:\n  - load: {source: d.pairs}\n  - measure\n",
        "d.pairs": "1", "pairs.py": _FORMAT, "helper_of.py": "K = 10\n",
        "helper.py": f"import functools, helper_of\n{_TABLE}{helper}",
        "steps.py": measuring("float(data[0, 0])", options="data"),
    }  # fmt: skip
    edit = f"change({edited!r}, {old!r}, {old.replace('1', '2')!r})"
    return Case(kind="given", name=f"a format, {name}", files=files, edit=edit)


_OBJECT = (
    "class Size:\n    def __init__(self, size):\n        self.size = size\n"
    "    def __call__(self):\n        return self.size * {}\ngiven = Size({})\n"
)
_READER = (
    "class Reader:\n    def __call__(self, path):\n"
    "        return {'data': table(path, 1), 'columns': ['a']}\ngiven = Reader()\n"
)
_PARTIAL = (
    "def read(times, path):\n    return {'data': table(path, times), 'columns': ['a']}\n"
    "given = functools.partial(read, 1)\n"
)

CASES = [
    _item("a partial function", "import functools\ndef size(n):\n    return n * 10\n"
          "given = functools.partial(size, 3)\n"),
    _item("a partial function's argument", "import functools\ndef size(n):\n    return n\n"
          "given = functools.partial(size, n=10)\n"),
    _item("an object with __call__", _OBJECT.format(10, 3)),
    _item("an attribute of an object with __call__", _OBJECT.format(3, 10)),
    _item("a function held by an object", "def size():\n    return 10\nclass Size:\n"
          "    def __call__(self):\n        return self.size()\ngiven = Size()\n"
          "given.size = size\n"),
    _format("an object with __call__", _READER),
    _format("a partial function", _PARTIAL),
    _format("a partial function's argument", _PARTIAL, "helper.py", "read, 1"),
]  # fmt: skip

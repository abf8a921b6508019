"""Other modules and files of code, by every form of import."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, measuring

_HELPER = "def level():\n    return 1\n"
_EDIT = "change('helper.py', '1', '2')"
_ZIP = (
    "import zipfile\n"
    "zipfile.ZipFile('lib.zip', 'w').writestr('zipped.py', f'def level():\\n    return {N}\\n')"
)


def _case(name: str, expression: str, top: str = "", edit: str = _EDIT, **files: str) -> Case:
    given = {one.replace("__", "/", 1) + ".py": text for one, text in files.items()}
    helper = {"helper.py": _HELPER} if not files or "helper.py" in edit else {}
    steps = {"steps.py": measuring(expression, top)}
    return Case(kind="imports", name=name, files={**steps, **helper, **given}, edit=edit)


def _package(name: str, expression: str, top: str, edit: str, **files: str) -> Case:
    given = {f"pk/{one}.py": text for one, text in files.items()}
    given = {"pk/__init__.py": "", **given, "steps.py": measuring(expression, top)}
    return Case(kind="imports", name=name, files=given, edit=edit)


def _module(name: str, edit: str, made: str = "", **files: str) -> Case:
    recipe = "recipe: r\nplugins: [pk]\nsteps:\n  - measure\n"
    given = {f"pk/{one}".replace("_py", ".py"): text for one, text in files.items()}
    return Case(
        kind="imports", name=name, files={"recipe.yaml": recipe, **given}, edit=edit, made=made
    )


_PK = "change('pk/a.py', '1', '2')"

CASES = [
    _case("import", "helper.level()", "import helper"),
    _case("import as", "h.level()", "import helper as h"),
    _case("from", "level()", "from helper import level"),
    _case("from, as", "one()", "from helper import level as one"),
    _case("star", "level()", "from helper import *"),
    _case("in the function", "import helper\nreturn helper.level()"),
    _case("from, in the function", "from helper import level\nreturn level()"),
    _case("in another function", "late()", "def late():\n    import helper\n"
          "    return helper.level()"),
    _case("importlib, literal", "importlib.import_module('helper').level()", "import importlib"),
    _case("import_module, literal", "import_module('helper').level()",
          "from importlib import import_module"),
    _case("importlib, at the top", "helper.level()",
          "import importlib\nhelper = importlib.import_module('helper')"),
    _case("importlib, computed", "importlib.import_module('hel' + 'per').level()",
          "import importlib"),
    _case("importlib, by a table", "importlib.import_module(NAMES[0]).level()",
          "import importlib\nNAMES = ['helper']"),
    _case("__import__", "__import__('helper').level()"),
    _case("__import__, computed", "__import__('hel' + 'per').level()"),
    _case("sys.modules", "sys.modules['helper'].level()", "import sys, helper"),
    _case("getattr of a module", "getattr(helper, 'lev' + 'el')()", "import helper"),
    _case("vars of a module", "vars(helper)['level']()", "import helper"),
    _case("by pickle", "pickle.loads(b'chelper\\nlevel\\n.')()", "import pickle"),
    _case("by pkgutil", "pkgutil.resolve_name('helper:level')()", "import pkgutil"),
    _case("by runpy", "runpy.run_path('helper.py')['level']()", "import runpy"),
    _case("by its path", "spec = util.spec_from_file_location('h', 'helper.py')\n"
          "h = util.module_from_spec(spec); spec.loader.exec_module(h); return h.level()",
          "from importlib import util"),
    _case("by exec of its text", "names = {}; exec(open('helper.py').read(), names); "
          "return names['level']()"),
    _case("a helper of a helper", "first.level()", "import first",
          first="import helper\ndef level():\n    return helper.level()\n"),
    _case("a name passed on", "first.level()", "import first", first="from helper import level\n"),
    _case("passed on by a star", "first.level()", "import first", first="from helper import *\n"),
    _case("a helper's constant", "helper.LEVEL", "import helper",
          "change('helper.py', '= 1', '= 2')", helper="LEVEL = 1\n"),
    _case("a helper's constant made of another", "helper.LEVEL", "import helper",
          "change('base.py', '1', '2')", helper="import base\nLEVEL = base.B + 1\n",
          base="B = 1\n"),
    _case("a helper that sets another's attribute", "base.LEVEL", "import base, helper",
          "change('helper.py', '= 1', '= 2')", base="LEVEL = 0\n",
          helper="import base\nbase.LEVEL = 1\n"),
    _case("a helper that registers itself", "base.TABLE['a']()", "import base, helper",
          "change('helper.py', '1', '2')", base="TABLE = {}\n",
          helper="import base\n\ndef a():\n    return 1\n\nbase.TABLE['a'] = a\n"),
    _case("a helper that registers by a decorator", "base.TABLE['a']()", "import base, helper",
          "change('helper.py', '1', '2')",
          base="TABLE = {}\ndef add(f):\n    TABLE[f.__name__] = f\n    return f\n",
          helper="from base import add\n\n@add\ndef a():\n    return 1\n"),
    _case("try, and the module comes", "level()",
          "try:\n    from extra import level\nexcept ImportError:\n    def level():\n"
          "        return 1", "write('extra.py', 'def level():\\n    return 2\\n')"),
    _case("try in the function, and the module comes",
          "try:\n    import extra\n    return 2\nexcept ImportError:\n    return 1", "",
          "write('extra.py', '')"),
    _case("try, and the module goes", "level()",
          "try:\n    from helper import level\nexcept ImportError:\n    def level():\n"
          "        return 3", "os.remove('helper.py')"),
    _case("find_spec, and the module comes", "util.find_spec('extra') is not None",
          "from importlib import util", "write('extra.py', '')"),
    _case("a module becomes a package", "helper.level()", "import helper",
          "os.remove('helper.py')\nwrite('helper/__init__.py', 'def level():\\n    return 2\\n')"),
    _case("a folder put on the path", "deep.level()",
          "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))\n"
          "import deep", "change('lib/deep.py', '1', '2')", lib__deep=_HELPER),
    _case("lazy, by __getattr__", "helper.level", "import helper", "change('data.py', '1', '2')",
          helper="def __getattr__(name):\n    import data\n    return getattr(data, name)\n",
          data="level = 1\n"),
    _case("lazy, by a computed name", "helper.data.level()", "import helper",
          "change('data.py', '1', '2')", data=_HELPER,
          helper="import importlib\ndef __getattr__(name):\n"
          "    if name != 'data':\n        raise AttributeError(name)\n"
          "    return importlib.import_module('da' + name[2:])\n"),
    _package("a module of a package", "pk.a.level()", "import pk.a", _PK, a=_HELPER),
    _package("from a package", "a.level()", "from pk import a", _PK, a=_HELPER),
    _package("a package's own text", "pk.level()", "import pk",
             "write('pk/__init__.py', 'def level():\\n    return 2\\n')",
             __init__="def level():\n    return 1\n"),
    _package("relative in a package", "pk.b.level()", "import pk.b", _PK, a=_HELPER,
             b="from .a import level\n"),
    _package("relative, a module", "pk.b.a.level()", "import pk.b", _PK, a=_HELPER,
             b="from . import a\n"),
    _package("relative, in the function", "pk.b.level()", "import pk.b", _PK, a=_HELPER,
             b="def level():\n    from .a import level\n    return level()\n"),
    _package("relative importlib", "pk.b.level()", "import pk.b", _PK, a=_HELPER,
             b="import importlib\ndef level():\n"
             "    return importlib.import_module('.a', __package__).level()\n"),
    _package("a package that imports its modules", "pk.level()", "import pk", _PK, a=_HELPER,
             __init__="from .a import *\n"),
    _package("all modules of a package", "sorted(m.level() for m in ALL)",
             "import importlib, pkgutil, pk\nALL = [importlib.import_module(f'pk.{m.name}')\n"
             "       for m in pkgutil.iter_modules(pk.__path__)]",
             "write('pk/b.py', 'def level():\\n    return 2\\n')", a=_HELPER),
    _package("package data", "resources.files('pk').joinpath('a.py').read_text()",
             "from importlib import resources", _PK, a=_HELPER),
    _package("package data, by pkgutil", "pkgutil.get_data('pk', 'a.py').decode()",
             "import pkgutil", _PK, a=_HELPER),
    Case(kind="imports", name="a package without a file", edit="change('ns/a.py', '1', '2')",
         files={"ns/a.py": _HELPER, "steps.py": measuring("ns.a.level()", "import ns.a")}),
    Case(kind="imports", name="a module in a zip", made=_ZIP,
         files={"steps.py": measuring("zipped.level()", "import os, sys\n"
                "sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib.zip'))\n"
                "import zipped")}),
    Case(kind="imports", name="a module in a zip, in the function", made=_ZIP,
         files={"steps.py": measuring("import zipped\nreturn zipped.level()", "import os, sys\n"
                "sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib.zip'))")}),
    _module("a plugin by its module", "change('pk/__init__.py', '10', '20')",
            __init___py=measuring("10")),
    _module("a helper of a plugin by its module", _PK, a_py=_HELPER,
            __init___py=measuring("a.level()", "from . import a")),
    _module("data of a plugin by its module", "", "write('pk/d.txt', str(N))",
            __init___py=measuring("resources.files(__package__).joinpath('d.txt').read_text()",
                                  "from importlib import resources")),
    Case(kind="imports", name="helpers of one name in two folders",
         edit="change('b/helper.py', '1', '2')", files={
             "recipe.yaml": "recipe: r\nplugins: [./a/one.py, ./b/two.py]\nsteps:\n"
                "  - one\n  - measure\n",
                "a/helper.py": _HELPER, "b/helper.py": _HELPER,
                "a/one.py": "from flowrun import step\nimport helper\n\n\n@step(outputs='x')\n"
                "def one() -> int:\n    '''One.'''\n    return helper.level()\n",
                "b/two.py": measuring("helper.level()", "import helper")}, keeps=("one",)),
    Case(kind="imports", name="another plugin that patches a helper",
         edit="change('patch.py', '1', '2')", files={
             "recipe.yaml": "recipe: r\nplugins: [./steps.py, ./patch.py]\nsteps:\n"
                "  - measure\n", "helper.py": _HELPER,
                "patch.py": "import helper\nhelper.level = lambda: 1\n",
                "steps.py": measuring("helper.level()", "import helper")}),
    Case(kind="imports", name="another plugin that patches the library",

         edit="change('patch.py', '1', '2')", files={
             "recipe.yaml": "recipe: r\nplugins: [./patch.py, ./steps.py]\nsteps:\n"
                "  - measure\n", "patch.py": "import math\nmath.pi = 1\n",
                "steps.py": measuring("math.pi", "import math")}),
    Case(kind="imports", name="another plugin comes that patches",
         edit="change('recipe.yaml', './steps.py', './steps.py, ./patch.py')",
         files={"patch.py": "import helper\nsetattr(helper, 'level', lambda: 2)\n",
                "helper.py": _HELPER, "steps.py": measuring("helper.level()", "import helper")}),
]  # fmt: skip

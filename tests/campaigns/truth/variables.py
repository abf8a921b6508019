"""Environment variables, by every way to ask for them."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, Variables, measuring

_CHANGED: Variables = ({"LEVEL": "1"}, {"LEVEL": "2"})
_SET: Variables = ({}, {"LEVEL": "2"})
_GONE: Variables = ({"LEVEL": "1"}, {})
_TOP = "import os\nfrom os import environ, getenv"


def _case(name: str, expression: str, variables: Variables, top: str = "", more: str = "") -> Case:
    steps = measuring(expression, f"{_TOP}\n{top}", more)
    files = {"steps.py": steps}
    return Case(kind="variables", name=name, files=files, variables=variables, edit="pass")


CASES = [
    _case("environ[]", "os.environ['LEVEL']", _CHANGED),
    _case("environ[], imported by name", "environ['LEVEL']", _CHANGED),
    _case("get", "os.environ.get('LEVEL', '0')", _SET),
    _case("get of one that goes", "os.environ.get('LEVEL', 0)", _GONE),
    _case("getenv", "os.getenv('LEVEL', '0')", _CHANGED),
    _case("getenv, imported by name", "getenv('LEVEL', '0')", _SET),
    _case("in", "'LEVEL' in os.environ", _SET),
    _case("not in", "'LEVEL' not in os.environ", _GONE),
    _case("bytes", "os.environb.get(b'LEVEL', b'0').decode()", _CHANGED),
    _case("items", "sorted(v for k, v in os.environ.items() if k.startswith('LEV'))", _CHANGED),
    _case("names", "sorted(k for k in os.environ if k.startswith('LEV'))", _SET),
    _case("keys of a copy", "sorted(k for k in os.environ.copy() if k.startswith('LEV'))", _SET),
    _case("a dict of all", "dict(os.environ).get('LEVEL')", _CHANGED),
    _case("expandvars", "os.path.expandvars('$LEVEL')", _CHANGED),
    _case("expanduser", "os.path.expanduser('~/a')", ({"HOME": "/tmp/1"}, {"HOME": "/tmp/2"})),
    _case("pathlib, home", "str(Path.home())", ({"HOME": "/tmp/1"}, {"HOME": "/tmp/2"}),
          "from pathlib import Path"),
    _case("ctx.env", "ctx.env('LEVEL')", _CHANGED, more="*, ctx"),
    _case("at import", "LEVEL", _CHANGED, "LEVEL = os.environ.get('LEVEL')"),
    _case("as the default of an option", "level", _CHANGED,
          more="*, level: int = int(os.environ.get('LEVEL', '0'))"),
    _case("in a branch at import", "level()", _SET,
          "if os.getenv('LEVEL'):\n    def level():\n        return 2\n"
          "else:\n    def level():\n        return 1"),
    _case("in a thread", "Pool(1).submit(os.getenv, 'LEVEL').result()", _CHANGED,
          "from concurrent.futures import ThreadPoolExecutor as Pool"),
    _case("getenv, called by numpy", "str(numpy.vectorize(os.getenv)(['LEVEL']).tolist())",
          _CHANGED, "import numpy"),
    _case("the current folder, by its variable", "os.environ['PWD']",
          ({"PWD": "/1"}, {"PWD": "/2"})),
    _case("the width of the terminal", "shutil.get_terminal_size().columns",
          ({"COLUMNS": "80"}, {"COLUMNS": "90"}), "import shutil"),
    Case(
        kind="variables", name="those of the terminal in a copy of all", edit="pass",
        files={"steps.py": measuring("len({**os.environ, **dict(os.environ.items())}) > 1", _TOP)},
        variables=({"PWD": "/1", "COLUMNS": "80"}, {"PWD": "/2", "COLUMNS": "90"}), differs=False,
    ),
    _case("the time zone", "time.tzset(); return datetime.fromtimestamp(0).isoformat()",
          ({"TZ": "UTC"}, {"TZ": "UTC-9"}), "import time\nfrom datetime import datetime"),
    _case("the locale", "locale.setlocale(locale.LC_ALL, ''); return str(locale.getlocale())",
          ({"LC_ALL": "C"}, {"LC_ALL": "C.utf8"}), "import locale"),
    Case(
        kind="variables", name="in a helper's import", variables=_CHANGED, edit="pass",
        files={"steps.py": measuring("LEVEL", "from helper import LEVEL"),
               "helper.py": "import os\nLEVEL = os.environ.get('LEVEL')\n"},
    ),
    Case(
        kind="variables", name="an option of the recipe", variables=_CHANGED, edit="pass",
        files={"recipe.yaml": "recipe: r\nplugins: [./steps.py]\nsteps:\n  - measure: "
               "{level: LEVEL}\n",
               "steps.py": measuring("os.environ[level]", _TOP, "*, level: str")},
    ),
]  # fmt: skip

"""Steps that another file makes or alters, and statements of other files that act on import."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, measuring

_STEP = "from flowrun import step\n\n@step(outputs='y')\ndef measure() -> object:\n    {}\n"
_TWO = "recipe: r\nplugins: [./steps.py, ./more.py]\nsteps:\n  - measure\n"


def _case(name: str, steps: str, helper: str, edited: str = "steps.py") -> Case:
    files = {"steps.py": steps, "helper.py": helper}
    edit = f"change({edited!r}, '10', '20')"
    return Case(kind="made elsewhere", name=name, files=files, edit=edit)


def _altered(name: str, more: str) -> Case:
    """Another plugin, in `more.py`, alters the helper that the step uses."""
    files = {
        "recipe.yaml": _TWO,
        "steps.py": measuring("helper.get()", "import helper"),
        "more.py": more,
        "helper.py": "TABLE = {}\nNAMES = []\nclass C:\n    k = 1\ndef add(f):\n"
        "    NAMES.append(f())\n    return f\ndef get():\n    return TABLE, NAMES, C.k\n",
    }
    edit = "change('more.py', '10', '20')"
    return Case(kind="made elsewhere", name=name, files=files, edit=edit)


_FACTORY = (
    "from flowrun import step\n\ndef make(k):\n    @step(outputs='y')\n"
    "    def measure() -> object:\n        return k\n    return measure\n"
)
_SCALED = (
    "def scaled(f):\n    def measure() -> object:\n        return f() * 3\n    return measure\n"
)
_IMPL = "CONFIG = {'k': 3}\ndef configure(k):\n    CONFIG['k'] = k\n\n" + _STEP.format(
    "return CONFIG['k']"
)

CASES = [
    _case("a step by a factory", "from helper import make\nmeasure = make(10)\n", _FACTORY),
    _case("a decorator without wraps", "from flowrun import step\nfrom helper import scaled\n\n"
          "@step(outputs='y')\n@scaled\ndef measure() -> object:\n    return 10\n", _SCALED),
    _case("a step of a helper, set up by an item", "import helper\nfrom helper import measure\n"
          "helper.CONFIG['k'] = 10\n", _IMPL),
    _case("a step of a helper, set up by a call", "from helper import configure, measure\n"
          "configure(10)\n", _IMPL),
    _case("a base of the user's own by a library's name",
          measuring("helper.SEEN", "import helper\n\nclass Own(helper.Dataset):\n    k = 10"),
          "SEEN = []\nclass Dataset:\n    def __init_subclass__(cls):\n"
          "        SEEN.append(cls.k)\n"),
    _case("a decorator of the user's own by a library's name",
          measuring("helper.run()", "import helper\n\n@helper.step\ndef one():\n    return 10"),
          "ALL = []\ndef step(f):\n    ALL.append(f)\n    return f\ndef run():\n"
          "    return [f() for f in ALL]\n"),
    _case("a call of the user's own by a library's name",
          measuring("helper.lr()", "import helper\ncfg = helper.load(10)"),
          "STATE = {}\ndef load(k):\n    STATE['k'] = k\ndef lr():\n    return STATE['k']\n"),
    _case("attributes set by one assignment",
          measuring("helper.total()", "import helper\nhelper.A, helper.B = 10, 3"),
          "A, B = 1, 1\ndef total():\n    return A + B\n"),
    _case("the body of a class", measuring("helper.SEEN", "import helper\n\nclass Own:\n"
          "    helper.SEEN.append(10)"), "SEEN = []\n"),
    _case("a default that acts", measuring("helper.SEEN", "import helper\n\n"
          "def f(a=helper.SEEN.append(10)):\n    pass"), "SEEN = []\n"),
    _case("an attribute that acts when it is named",
          measuring("helper.SEEN", "import helper\n\nclass Own:\n    a = helper.Named(10)"),
          "SEEN = []\nclass Named:\n    def __init__(self, k):\n        self.k = k\n"
          "    def __set_name__(self, owner, name):\n        SEEN.append(self.k)\n"),
    _case("the later of two imports of a name",
          measuring("f()", "from json import dumps as f\nfrom helper import f"),
          "def f():\n    return 10\n", "helper.py"),
    _altered("another plugin fills a table", "import helper\nhelper.TABLE['k'] = 10\n"),
    _altered("another plugin appends", "from helper import NAMES\nNAMES.append(10)\n"),
    _altered("another plugin registers", "from helper import add\n\n@add\ndef f():\n"
             "    return 10\n"),
    _altered("another plugin fills a table by update", "import helper\n"
             "helper.TABLE.update(k=10)\n"),
    _altered("a hook of another plugin fills a table", "import helper\nfrom flowrun import hookimpl"
             "\n\n@hookimpl\ndef flowrun_step_started():\n    helper.TABLE['k'] = 10\n"),
]  # fmt: skip

"""Settings and variables of the process that a step, a cell or an import sets, and a step reads.

A step that is kept sets none, so a later one must not see those of a step that was called.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.campaigns.truth.case import Case, Variables, measuring

_RECIPE = "recipe: r\nplugins: [./steps.py]\nsteps:\n  - first\n  - measure\n"
_FIRST = (
    "\n\n\n@step(outputs='x')\ndef first() -> object:\n    '''First.'''\n    {}\n    return 1\n"
)


def _left(
    name: str, leave: str, read: str, top: str, files: Mapping[str, str] | None = None,
    needless: str = "", unseen: str = "",
) -> Case:  # fmt: skip
    """The first step leaves something, and after the edit of the second it is kept."""
    steps = measuring(f"[10, {read}]", top) + _FIRST.format(leave.replace("\n", "\n    "))
    return Case(
        kind="process", name=f"left: {name}", edit="change('steps.py', '10', '20')",
        files={"recipe.yaml": _RECIPE, "steps.py": steps, **(files or {})}, keeps=("first",),
        needless=needless, unseen=unseen,
    )  # fmt: skip


def _set(name: str, read: str, top: str, edit: str) -> Case:
    """A cell of a notebook sets something between two runs."""
    return Case(kind="process", name=f"set: {name}", cells=measuring(read, top), edit=edit)


def _found(
    name: str, expression: str, top: str, files: Mapping[str, str],
    variables: Variables = ({}, {}), needless: str = "",
) -> Case:  # fmt: skip
    """Both steps find something by its name, and only the first reads it from its file."""
    steps = measuring(expression, top) + _FIRST.format(expression)
    edited = next(iter(files))
    return Case(
        kind="process", name=f"found: {name}", edit=f"change({edited!r}, '10', '20')",
        files={"recipe.yaml": _RECIPE, "steps.py": steps, **files}, variables=variables,
        needless=needless,
    )  # fmt: skip


_MAY_ALTER = "a file that sets a part of what it imports may alter it for every step"
_ONCE = "a module that a step imports sets it for the steps after it, but not if it is kept"
_HELPER = {"helper.py": "def level():\n    return 10\n"}
_IMPORTED = {"helper.py": "import decimal\ndecimal.getcontext().prec = 10\n"}
_SHARED = {"lib/models.py": "def level():\n    return 10\n"}
_ON_PATH: Variables = ({"PYTHONPATH": "lib"}, {"PYTHONPATH": "lib"})
_THIRD = "str(decimal.Decimal(1) / 3)"
_RAISES = (
    "import warnings\ndef raises():\n    try:\n        warnings.warn('w')\n"
    "    except UserWarning:\n        return True\n    return False"
)
_MASK = "import os\ndef mask():\n    found = os.umask(0o22)\n    os.umask(found)\n    return found"

CASES = [
    _left("the current folder", "os.chdir('d')", "open('a.txt').read()", "import os",
          {"a.txt": "a", "d/a.txt": "b"}),
    _left("a variable of the environment", "os.environ['X'] = '5'", "os.environ.get('X')",
          "import os", needless=_MAY_ALTER),
    _left("the time zone", "os.environ['TZ'] = 'Asia/Tokyo'\ntime.tzset()",
          "time.localtime(0).tm_hour", "import os, time", needless=_MAY_ALTER),
    _left("decimal", "decimal.getcontext().prec = 5", _THIRD, "import decimal"),
    _left("another context of decimal", "decimal.setcontext(decimal.Context(prec=5))", _THIRD,
          "import decimal"),
    _left("decimal, imported late", "import decimal\ndecimal.getcontext().prec = 5",
          "third()", "def third():\n    import decimal\n    return str(decimal.Decimal(1) / 3)"),
    _left("numpy's errors", "numpy.seterr(divide='raise')", "numpy.geterr()['divide']",
          "import numpy"),
    _left("numpy's printing", "numpy.set_printoptions(precision=2)", "str(numpy.array([1 / 3]))",
          "import numpy"),
    _left("torch's printing", "torch.set_printoptions(precision=2)", "str(torch.tensor(1 / 3))",
          "import torch"),
    _left("torch's threads", "torch.set_num_threads(torch.get_num_threads() + 1)",
          "torch.get_num_threads()", "import torch"),
    _left("torch's deterministic algorithms", "torch.use_deterministic_algorithms(True)",
          "torch.are_deterministic_algorithms_enabled()", "import torch"),
    _left("torch's matrix products", "torch.set_float32_matmul_precision('medium')",
          "torch.get_float32_matmul_precision()", "import torch"),
    _left("torch's default type", "torch.set_default_dtype(torch.float64)",
          "str(torch.ones(1).dtype)", "import torch"),
    _left("torch's default device", "torch.set_default_device('meta')",
          "str(torch.ones(1).device)", "import torch"),
    _left("torch's mode of gradients", "torch.set_grad_enabled(False)", "torch.is_grad_enabled()",
          "import torch"),
    _left("torch's kernels", "torch.backends.cuda.enable_math_sdp(False)",
          "torch.backends.cuda.math_sdp_enabled()", "import torch"),
    _left("random numbers", "random.seed(1)", "random.random()", "import random"),
    _left("warnings that raise", "warnings.simplefilter('error')", "raises()", _RAISES),
    _left("the locale", "locale.setlocale(locale.LC_ALL, 'C.UTF-8')",
          "locale.setlocale(locale.LC_COLLATE)", "import locale"),
    _left("folders of modules", "sys.path.insert(0, 'lib')", "'lib' in sys.path", "import sys"),
    _left("the recursion limit", "sys.setrecursionlimit(2000)", "sys.getrecursionlimit()",
          "import sys"),
    _left("the standard output", "sys.stdout = io.StringIO()", "type(sys.stdout).__name__",
          "import io, sys", needless=_MAY_ALTER),
    _left("the standard error", "sys.stderr = io.StringIO()", "type(sys.stderr).__name__",
          "import io, sys", needless=_MAY_ALTER),
    _left("the umask", "os.umask(0o77)", "mask()", _MASK),
    _left("a signal's handler", "signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
          "str(signal.getsignal(signal.SIGUSR1))", "import signal"),
    _left("a context variable", "V.set(5)", "V.get()",
          "from contextvars import ContextVar\nV = ContextVar('v', default=1)"),
    _left("a global", "global K\nK = 5", "K", "K = 1"),
    _left("a new global", "global K\nK = 5", "get()",
          "def get():\n    try:\n        return K\n    except NameError:\n        return 1"),
    _left("a helper's global", "helper.K = 5", "helper.get()", "import helper",
          {"helper.py": "K = 1\ndef get():\n    return K\n"}, needless=_MAY_ALTER),
    _left("an item of a list", "SEEN.append(5)", "list(SEEN)", "SEEN = []",
          unseen="a container that a step fills may be there to compute things once"),
    _set("decimal", _THIRD, "import decimal", "decimal.getcontext().prec = 5"),
    _set("numpy's errors", "numpy.geterr()['divide']", "import numpy",
         "numpy.seterr(divide='raise')"),
    _set("numpy's printing", "str(numpy.array([1 / 3]))", "import numpy",
         "numpy.set_printoptions(precision=2)"),
    _set("torch's printing", "str(torch.tensor(1 / 3))", "import torch",
         "torch.set_printoptions(precision=2)"),
    _set("torch's matrix products", "torch.get_float32_matmul_precision()", "import torch",
         "torch.set_float32_matmul_precision('medium')"),
    _set("torch's threads", "torch.get_num_threads()", "import torch",
         "torch.set_num_threads(torch.get_num_threads() + 1000)"),
    _set("torch's autocast", "str((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)", "import torch",
         "torch.set_autocast_enabled('cpu', True)"),
    _set("warnings that raise", "raises()", _RAISES, "warnings.simplefilter('error')"),
    _set("the locale", "locale.setlocale(locale.LC_COLLATE)", "import locale",
         "locale.setlocale(locale.LC_ALL, 'C.UTF-8')"),
    _set("the time zone", "time.localtime(0).tm_hour", "import os, time",
         "os.environ['TZ'] = 'Asia/Tokyo'\ntime.tzset()"),
    _found("by pickle", "return pickle.loads(b'chelper\\nlevel\\n.')()", "import pickle", _HELPER),
    _found("by pkgutil", "return pkgutil.resolve_name('helper:level')()", "import pkgutil",
           _HELPER),
    _found("by importlib", "return build('models')",
           "import importlib\ndef build(name):\n"
           "    return importlib.import_module(name).level()", _SHARED, _ON_PATH),
    _found("by exec", "names = {}; exec('import models', names); return names['models'].level()",
           "", _SHARED, _ON_PATH),
    _found("a line of a file", "return linecache.getline('a.txt', 1)", "import linecache",
           {"a.txt": "10\n"}),
    _found("a setting of a module's import", "import helper; return str(decimal.Decimal(1) / 3)",
           "import decimal", _IMPORTED, needless=_ONCE),
]  # fmt: skip

"""Backends that change what a step returns: their settings, their code, and what they read."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, Variables, measuring

_TWO = "recipe: r\nplugins: [./steps.py, ./more.py]\nsteps:\n  - first\n  - measure\n"
_STEPS = (
    measuring("3") + "\n\n@step(outputs='x')\ndef first() -> object:\n    '''F.'''\n    return 1\n"
)
_AROUND = """
from contextlib import contextmanager
from flowrun import Backend, hookimpl
{top}

class Scaled(Backend):
    {init}

    @contextmanager
    def around_step(self, step, ctx, call):
        yield
        call.returned = call.returned * {scale}

@hookimpl
def flowrun_backend():
    return {made}
"""
_KEEPS_SCALE = "def __init__(self, scale):\n        self.scale = scale"
_READ = "int(open('scale').read())"
_CACHED = f"import functools\n\n@functools.cache\ndef scale():\n    return {_READ}\n"


def _case(
    name: str,
    scale: str = "self.scale",
    made: str = "Scaled()",
    *,
    init: str = "pass",
    top: str = "",
    helper: str = "",
    edit: str = "change('scale', '10', '20')",
    variables: Variables = ({}, {}),
    differs: bool = True,
) -> Case:
    files = {
        "recipe.yaml": _TWO,
        "steps.py": _STEPS,
        "more.py": _AROUND.format(top=top, init=init, scale=scale, made=made),
        "helper.py": helper,
        "scale": "10",
    }
    return Case(
        kind="backends", name=name, files=files, edit=edit, variables=variables, differs=differs
    )


CASES = [
    _case("a setting given in the hook", made="Scaled(10)", init=_KEEPS_SCALE,
          edit="change('more.py', '10', '20')"),
    _case("a setting from a function of another file", made="Scaled(helper.scale())",
          init=_KEEPS_SCALE, top="import helper", helper="def scale():\n    return 10\n",
          edit="change('helper.py', '10', '20')"),
    _case("a variable read when it is made", init="def __init__(self):\n        self.scale = "
          "int(os.environ['SCALE'])", top="import os", edit="pass",
          variables=({"SCALE": "10"}, {"SCALE": "20"})),
    _case("a file read when it is made", made=f"Scaled({_READ})", init=_KEEPS_SCALE),
    _case("a file read when its module is imported", "SCALE", top=f"SCALE = {_READ}"),
    _case("a file read after the step", _READ),
    _case("a file read after the first step alone", "scale()", top=_CACHED),
    _case("a file read after the first step, by a helper", "helper.scale()", top="import helper",
          helper=_CACHED),
    _case("its method", "10", edit="change('more.py', '10', '20')"),
    _case("a comment of the hook", "10", edit="change('more.py', '@hookimpl', '# one\\n@hookimpl')",
          differs=False),
    _case("a lock among its attributes", "len(self.steps or [1])", init="def __init__(self):\n"
          "        self.lock = threading.Lock()\n        self.steps = []", top="import threading",
          differs=False),
]  # fmt: skip

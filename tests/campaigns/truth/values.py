"""Values that differ in one property alone, which the next step reads."""

from __future__ import annotations

from tests.campaigns.truth.case import Case

_STEPS = """import collections, math
import numpy
import torch
from torch import nn
from flowrun import step


@step(outputs="x")
def make() -> object:
    '''Make a value.'''
    return {made}


@step(outputs="y")
def look(x) -> str:
    '''Look at it.'''
    return str({asked})
"""
_RECIPE = "recipe: r\nplugins: [./steps.py]\nsteps:\n  - make\n  - look\n"


def _case(
    name: str, made: str, other: str, asked: str, needless: str = "", unseen: str = ""
) -> Case:
    steps = _STEPS.replace("{made}", made).replace("{asked}", asked)
    edit = f"change('steps.py', {f'return {made}'!r}, {f'return {other}'!r})"
    files = {"recipe.yaml": _RECIPE, "steps.py": steps}
    return Case(kind="values", name=name, files=files, edit=edit, needless=needless, unseen=unseen)


CASES = [
    _case("requires_grad", "torch.ones(2)", "torch.ones(2, requires_grad=True)",
          "x.requires_grad"),
    _case("a parameter", "torch.ones(2, requires_grad=True)", "nn.Parameter(torch.ones(2))",
          "type(x).__name__"),
    _case("dtype", "torch.ones(2)", "torch.ones(2).double()", "x.dtype"),
    _case("shape", "torch.ones(2, 1)", "torch.ones(1, 2)", "x.shape"),
    _case("a negative zero", "torch.zeros(2)", "-torch.zeros(2)", "1 / x"),
    _case("layout", "torch.eye(2)", "torch.eye(2).to_sparse()", "x.layout"),
    _case("the conjugate bit", "torch.ones(2) * (1 - 0j)", "(torch.ones(2) * (1 + 0j)).conj()",
          "x.is_conj()"),
    _case("strides", "torch.ones(2, 2)", "torch.ones(2, 2).T", "x.stride()"),
    _case("int or float", "1", "1.0", "repr(x)"),
    _case("int or bool", "1", "True", "repr(x)"),
    _case("tuple or list", "[1, 2]", "(1, 2)", "type(x).__name__"),
    _case("text or bytes", "'a'", "b'a'", "repr(x)"),
    _case("the order of keys", "{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", "list(x)"),
    _case("the type of keys", "{1: 2}", "{'1': 2}", "repr(x)"),
    _case("the type of a dict", "{'a': 1}", "collections.OrderedDict(a=1)", "type(x).__name__"),
    _case("numpy or torch", "torch.ones(2)", "numpy.ones(2, 'float32')", "type(x).__name__"),
    _case("the byte order", "numpy.ones(2, '<f4')", "numpy.ones(2, '>f4')", "x.dtype.byteorder",
          "arrays of numpy have no digest"),
    _case("an alias in a list", "[torch.ones(1), torch.ones(1)]", "[torch.ones(1)] * 2",
          "x[0] is x[1]", unseen="whether two parts are one object is not part of a value"),
]  # fmt: skip

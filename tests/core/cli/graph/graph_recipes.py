"""What the tests of `flowrun graph` draw: two fields that are sown, joined and reaped."""

from __future__ import annotations

# Steps on values of a kind of their own, and a check of their own: no tensor library is loaded.
STEPS = '''
from contextlib import nullcontext

from flowrun import Backend, Codec, NeedsDataError, Summary, Watched, hookimpl, step


class Field:
    def __init__(self, shape, dtype="float32", device="cpu"):
        self.shape, self.dtype, self.device = tuple(shape), dtype, device


class OnShapes(nullcontext):
    def watching(self):
        return nullcontext(Watched())

    def diagnose(self, error):
        return None

    def memory(self, device):
        return None


class Shapes(Backend):
    def check_mode(self, devices, present):
        return OnShapes()


@hookimpl
def flowrun_backend():
    return Shapes()


@hookimpl
def flowrun_codecs():
    return [Codec(Field, lambda f: Summary("field", f.shape, f.dtype, f.device), lambda f: None)]


@step(outputs=("field", "names"))
def sow(*, rows: int = 4, dtype: str = "float32", ctx):
    """Give a field, and the names of its columns."""
    return Field((rows, 3), dtype, ctx.device), ["hops", "rye", "oats"]


@step(outputs="field")
def join(field, other, *, ctx):
    """Put one field below the other."""
    if field.shape[1:] != other.shape[1:]:
        raise ValueError("fields of " + str(field.shape) + " and " + str(other.shape) + " columns")
    return Field((field.shape[0] + other.shape[0], *field.shape[1:]), field.dtype, ctx.device)


@step(outputs="mixed", inputs=lambda options: options.of)
def mix(fields, *, of: list[str]):
    """Mix the fields of these names."""
    return Field((len(fields), 3))


@step(outputs="field")
def turn(field):
    """Exchange rows and columns."""
    return Field(field.shape[::-1], field.dtype, field.device)


@step(outputs=("harvest", "report"))
def reap(field, names):
    """Give what grew on the field, in all and by column."""
    return Field(field.shape[:1]), {name: Field(field.shape[1:]) for name in names}


@step(outputs="harvest")
def look(field):
    """Look at the field."""
    raise NeedsDataError("it counts what grew")


@step(outputs="report")
def report(*, names: list[str] = []):
    """Give a report with these names."""
    return {name: 1 for name in names}


@step(outputs=())
def sell(harvest):
    """Sell the harvest."""
'''
FIELDS = """\
recipe: fields
about: Sow two fields, and reap them as one.
plugins: [./steps.py]
device: cpu
steps:
  - sow
  - sow: {rows: 2}
    id: sow-more
    out: {field: more, names: more_names}
  - join:
    in: {other: more}
  - reap
  - sell
"""

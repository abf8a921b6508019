"""Which values a run will not be able to keep, as far as their types show it on shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flowrun.errors import Problem
from flowrun.planning.plan import Plan
from flowrun.plugins.check_mode import Unknown
from flowrun.running.advice import what_follows
from flowrun.values.codecs import Codecs
from flowrun.values.instances import is_definition
from flowrun.values.python_types import python_type

_SCALARS = (type(None), bool, int, float, str)
_CONTAINERS = (dict, list, tuple)


def unkept(plan: Plan, named: dict[str, Any], index: int, codecs: Codecs) -> Iterator[Problem]:
    """A warning for each output of a step that cannot be kept, if that matters.

    named: the outputs on shapes, by the names of the recipe.
    """
    planned = plan.steps[index]
    for name, value in named.items():
        reason = _reason(value, codecs, set())
        follows = what_follows(plan, index, name)
        if reason is not None and (follows or planned.cache):
            text = follows or f"`cache: true` has no effect on `{name}`"
            message = f"the step `{planned.id}`: {text}: {reason}"
            yield Problem(message, planned.mark, step=planned.id, severity="warning")


def _reason(value: Any, codecs: Codecs, met: set[int]) -> str | None:
    """Why no value of this type can be kept; None if one may be."""
    kind = type(value)
    if kind in _SCALARS or isinstance(value, Unknown) or id(value) in met:
        return None
    met.add(id(value))
    if kind in _CONTAINERS:
        items = value.items() if isinstance(value, dict) else [("", one) for one in value]
        return _first(items, codecs, met)
    form = codecs.form(kind)
    if form is None:
        is_known = codecs.codec(value) is not None or python_type(kind) is not None
        return None if is_known else _of_other(value, codecs)
    try:
        if codecs.classes is not None:
            codecs.classes.code(kind)
        state = form.state(value)
    except ValueError as error:
        return str(error)
    return next(filter(None, (_of_state(part, codecs, met) for part in state.values())), None)


def _of_state(part: Any, codecs: Codecs, met: set[int]) -> str | None:
    items = part.items() if isinstance(part, dict) else [("", part)]
    return _first(items, codecs, met)


def _of_other(value: Any, codecs: Codecs) -> str | None:
    if not is_definition(value) or codecs.classes is None:
        return f"no codec names the type {type(value).__qualname__}"
    try:
        codecs.classes.code(value)
    except ValueError as error:
        return str(error)
    return None


def _first(items: Any, codecs: Codecs, met: set[int]) -> str | None:
    """The reason of the first item that has one, with the name that leads to it."""
    for key, item in items:
        reason = _reason(item, codecs, met)
        if reason is not None:
            return f"its `{key}`: {reason}" if isinstance(key, str) and key else reason
    return None

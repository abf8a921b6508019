"""What the reference says of one name: a function, a class, a hook, a step or a mapping."""

from __future__ import annotations

import inspect
import json
import re
import types
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from flowrun.plugins.option_types import described_type
from flowrun.plugins.steps import REQUIRED, Option, Step

_ITEM = re.compile(r"([a-z_]+(?:, [a-z_]+)*): (.*)")
_CODE = re.compile(r"(`[^`]*`)")
_LONG = 88  # characters of a signature from which each parameter stands on a line of its own


def summary(value: Any) -> str:
    """The first paragraph of a docstring, in one line."""
    if isinstance(value, dict):
        return "what is tried of a step"
    return " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())


def entry(name: str, value: Any) -> str:
    """Everything that is said of one name."""
    return "\n".join([f"## `{name}`\n", *_body(name, value)])


def _body(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Step):
        yield from _step(value)
    elif isinstance(value, dict):
        yield from table(("rule", "what must hold"), ((f"`{key}`", value[key]) for key in value))
    elif not _is_ours(value):
        home = (value if inspect.isclass(value) else type(value)).__module__.partition(".")[0]
        yield f"{summary(value)} It is {home}'s own; its documentation has more.\n"
    elif inspect.isclass(value):
        yield from _class(name, value)
    else:
        yield _python(_signature(name, value))
        yield _prose(value)
        if getattr(value, "flowrun_spec", {}).get("firstresult"):
            yield "One plugin answers: the first that gives something other than None.\n"


def _is_ours(value: Any) -> bool:
    return getattr(value, "__module__", type(value).__module__).partition(".")[0] == "flowrun"


def _class(name: str, kind: type) -> Iterator[str]:
    """Fields with types and defaults, the docstring, then properties and methods."""
    bases = [base.__name__ for base in kind.__bases__ if base.__module__.startswith("flowrun.")]
    lines = [f"class {name}({', '.join(bases)}):" if bases else f"class {name}:"]
    if issubclass(kind, msgspec.Struct):
        lines += [f"    {field}" for field in _fields(kind)]
    yield _python("\n".join(lines if len(lines) > 1 else [lines[0].removesuffix(":")]))
    yield _prose(kind)
    for member, value in vars(kind).items():
        if member.startswith("_") or not inspect.getdoc(value):
            continue
        if isinstance(value, property):
            text = f"{member}: {inspect.signature(value.fget).return_annotation}"
        elif isinstance(value, types.FunctionType):
            text = _signature(member, value, is_method=True)
        else:
            continue
        yield f"### `{name}.{member}`\n"
        yield _python(text)
        yield _prose(value)


def _fields(kind: type[msgspec.Struct]) -> Iterator[str]:
    """The fields of a struct, each with its type as it stands in the code, and its default."""
    annotations: dict[str, str] = {}
    for base in kind.__mro__:
        annotations |= vars(base).get("__annotations__", {})
    names = kind.__struct_fields__
    without = len(names) - len(kind.__struct_defaults__)
    defaults = [msgspec.NODEFAULT] * without + list(kind.__struct_defaults__)
    for name, default in zip(names, defaults, strict=True):
        made = getattr(default, "factory", lambda default=default: default)()
        text = f"{name}: {_annotation(annotations[name])}"
        yield text if made is msgspec.NODEFAULT else f"{text} = {_default(made)}"


def _annotation(text: str) -> str:
    """An annotation in the quotes of the code; Python keeps others."""
    return text.replace("'", '"')


def _default(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


class _AsWritten:
    """Text that stands in a signature as it is, where a string would get quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _signature(name: str, function: Any, *, is_method: bool = False) -> str:
    """A function as one calls it, its annotations as they stand in its code."""
    signature = inspect.signature(function)
    parts: list[str] = []
    is_keyword = False
    for parameter in list(signature.parameters.values())[is_method:]:
        if parameter.kind is parameter.KEYWORD_ONLY and not is_keyword:
            is_keyword = True
            if not any(part.startswith("*") for part in parts):
                parts.append("*")
        if parameter.annotation is not parameter.empty:
            parameter = parameter.replace(annotation=_AsWritten(_annotation(parameter.annotation)))
        if parameter.default is not parameter.empty:
            parameter = parameter.replace(default=_AsWritten(_default(parameter.default)))
        parts.append(str(parameter))
    returned = signature.return_annotation
    end = ")" if returned is signature.empty else f") -> {_annotation(returned)}"
    line = f"{name}({', '.join(parts)}{end}"
    if len(line) <= _LONG:
        return line
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), end])


def _step(step: Step[..., Any]) -> Iterator[str]:
    """A step: what it is for, its inputs and outputs, and a table of its options."""
    yield _prose(step)
    inputs = [f"`{value.name}`{'' if value.required else ' (optional)'}" for value in step.inputs]
    if step.inputs_of is not None:
        inputs.append("those that its options name")
    outputs = [f"`{name}`" for name in step.usual_outputs]
    if step.outputs_of is not None:
        outputs.append("others that its options ask for" if outputs else "depend on its options")
    yield f"- inputs: {', '.join(inputs) or 'none'}"
    yield f"- outputs: {', '.join(outputs) or 'none'}"
    if step.random:
        yield "- draws random numbers: its seed belongs to what it gives"
    if step.effect:
        yield "- acts outside: it is kept only as long as the files it wrote are as it left them"
    yield ""
    rows = [_option(f"`{option.name}`", option) for option in step.options]
    if step.others is not None:
        rows.append(_option("any name", step.others))
    if rows:
        yield from table(("option", "takes", "default", ""), rows)


def _option(name: str, option: Option) -> tuple[str, ...]:
    if name == "any name":
        default = ""
    elif option.default is REQUIRED:
        default = "required"
    else:
        default = f"`{json.dumps(option.default, default=str)}`"
    return name, described_type(option.annotation), default, option.description


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"
    yield ""


def _prose(value: Any) -> str:
    """A docstring as Markdown: paragraphs, and lists of what is said of parameters or fields."""
    made = []
    for paragraph in (inspect.getdoc(value) or "").split("\n\n"):
        lines = paragraph.splitlines()
        made.append("\n".join(_items(lines) if _ITEM.match(lines[0]) else map(_escaped, lines)))
    return "\n\n".join(made) + "\n"


def _items(lines: list[str]) -> Iterator[str]:
    for line in lines:
        item = _ITEM.match(line)
        if item is not None:
            names = ", ".join(f"`{name}`" for name in item[1].split(", "))
            yield f"- {names}: {_escaped(item[2])}"
        else:
            yield f"  {_escaped(line.strip())}"


def _escaped(text: str) -> str:
    """Text whose signs mean nothing in Markdown, but for `code`."""
    parts = _CODE.split(text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([<*\[\]])", r"\\\1", part) for part in parts
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _python(text: str) -> str:
    return f"```python\n{text}\n```\n"

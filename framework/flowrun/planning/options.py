"""Checks and converts the options that a recipe gives to a step."""

from __future__ import annotations

import copy
import re
from typing import Any

import msgspec
from msgspec.structs import replace

from flowrun.errors import Mark, Problem, did_you_mean, listed, nearest
from flowrun.plugins.option_types import (
    annotation_text,
    choices,
    convert,
    described_type,
    is_of_a_class,
    spoken,
    takes_a_fraction,
    takes_a_list,
    takes_a_whole_number,
    whole_number,
)
from flowrun.plugins.steps import REQUIRED, Option, Step
from flowrun.recipes.reading import Entry, Mapping, Node, Scalar, described, is_broken, plain, reach

_CURLY_QUOTES = ("\u201c", "\u201d", "\u201e", "\u2018", "\u2019", "\u00ab")
_BOOLS = {
    **dict.fromkeys(("yes", "on", "y", "true"), "true"),
    **dict.fromkeys(("no", "off", "n", "false"), "false"),
}
_PATH_PART = re.compile(r"\[(\d+)\]|\.([^.\[]+)")


def read_options(
    step: Step[..., Any], node: Node | None, mark: Mark, problems: list[Problem]
) -> dict[str, Any] | None:
    """The options of one step, converted, and with defaults; None if one of them is wrong."""
    count = len(problems)
    if node is not None and is_broken(node):
        return None
    if node is None or (isinstance(node, Scalar) and node.value is None):
        given = {}
    elif isinstance(node, Mapping):
        given = node.entries
    else:
        example = step.options[0].name if step.options else "option"
        value = node.text if isinstance(node, Scalar) else "..."
        problems.append(
            Problem(
                f"the options of {step.name} are a mapping",
                node.mark,
                described(node),
                f"`{step.name}: {{{example}: {value}}}`" if step.options else "no options at all",
            )
        )
        return None
    known = [option.name for option in step.options]
    unknown = {name: entry for name, entry in given.items() if name not in known}
    values: dict[str, Any] = {}
    if step.others is not None:
        values[step.others.name] = {
            name: _converted(step, replace(step.others, name=name), entry.value, problems)
            for name, entry in unknown.items()
        }
        unknown = {}
    problems += [_unknown_option(step, entry, known) for entry in unknown.values()]
    meant = {_meant(name, known) for name in unknown}
    for option in step.options:
        if option.name in given:
            values[option.name] = _converted(step, option, given[option.name].value, problems)
        elif option.default is REQUIRED and option.name not in meant:
            problems.append(
                Problem(
                    f"{step.name} needs the option `{option.name}`",
                    mark,
                    expected=f"{option.name}: {described_type(option.annotation)}",
                    hint=option.description or None,
                )
            )
        elif option.default is not REQUIRED:
            values[option.name] = copy.deepcopy(option.default)
    return values if len(problems) == count else None


def _meant(name: str, known: list[str]) -> str | None:
    """The option probably meant by an unknown name: the nearest, or `train` for `train:1000`."""
    before = name.partition(":")[0]
    return before if before in known else nearest(name, known)


def _unknown_option(step: Step[..., Any], entry: Entry, known: list[str]) -> Problem:
    name, value = entry.key.text, entry.value
    before, colon, after = name.partition(":")
    if any(item.name == name for item in step.inputs):
        hint = f"`{name}` is an input: wire it with `in: {{{name}: other_name}}` beside the step"
        if isinstance(value, Scalar) and isinstance(value.value, (int, float)):
            hint += f";\n    options are declared after a `*` in the step's function ({step.place})"
    elif colon and before in known:
        hint = f"a colon needs a space after it: write `{before}: {after}`"
    else:
        hint = did_you_mean(name, known) or f"`flowrun steps {step.name}` describes each of them"
    return Problem(
        f"{step.name} has no option `{name}`",
        entry.key.mark,
        expected=f"one of: {listed(known)}" if known else "no options",
        hint=hint,
    )


def _converted(step: Step[..., Any], option: Option, node: Node, problems: list[Problem]) -> Any:
    value = plain(node)
    try:
        return convert(value, option.annotation)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        parts = [
            int(index) if index else name for index, name in _PATH_PART.findall(path.rstrip("`"))
        ]
        at = reach(node, tuple(parts))
        hint = None
        if is_of_a_class(option.annotation):
            problems.append(_not_for_recipes(step, option, node.mark))
            return None
        if isinstance(at, Scalar) and isinstance(at.value, str):
            hint = did_you_mean(at.value, choices(option.annotation))
            hint = hint or _meant_hint(at.value, option.annotation)
        if isinstance(node, Scalar) and takes_a_list(option.annotation):
            hint = hint or f"a list of one is written `[{node.text}]`"
        if at is node and isinstance(node, Scalar):
            hint = hint or _whole_hint(node, option.annotation)
        problems.append(
            Problem(
                f"{step.name}: the option `{option.name}` does not fit",
                at.mark,
                described(at),
                described_type(option.annotation) if not parts else spoken(message),
                hint,
            )
        )
        return None
    except TypeError:
        problems.append(_not_for_recipes(step, option, node.mark))
        return None


def _not_for_recipes(step: Step[..., Any], option: Option, mark: Mark) -> Problem:
    """The problem of an option annotated with a class that YAML cannot express."""
    return Problem(
        f"{step.name}: a recipe cannot give the option `{option.name}`, because of its type",
        mark,
        found=f"{annotation_text(option.annotation)} ({step.place})",
        expected="str, int, float, bool, a Literal, or lists and dicts of these",
        hint="change the annotation in the step, and make the object inside the step",
    )


def _whole_hint(node: Scalar, annotation: Any) -> str | None:
    """How to write a whole number, if it was given with a decimal point and so is a fraction."""
    whole = whole_number(node.value)
    takes_both = takes_a_fraction(annotation) and takes_a_whole_number(annotation)
    if whole is None or not takes_both:
        return None
    return f"`{node.text}` is a fraction here; for the whole number write {whole}"


def _meant_hint(text: str, annotation: Any) -> str | None:
    """What to write instead of a string that looks like a misspelled bool or number."""
    if text[:1] in _CURLY_QUOTES:
        return "these are typographic quotation marks: write straight ones, or none for a number"
    if text.lower() in _BOOLS and "true or false" in described_type(annotation):
        return f"write `{_BOOLS[text.lower()]}`; a recipe knows no other word for it"
    bare = text.replace("_", "").replace(",", ".")
    if bare.endswith("%") and bare[:-1].isdigit():
        return f"for a fraction write {int(bare[:-1]) / 100:g}"
    try:
        float(bare)
    except ValueError:
        return None
    return f"for a number write {bare}, without quotes, underscores or commas"

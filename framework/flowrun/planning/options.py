"""Checks and converts the options that a recipe gives to a step."""

from __future__ import annotations

import copy
import re
from typing import Any

import msgspec
from msgspec.structs import replace

from flowrun.errors import Lines, Mark, Problem, did_you_mean, listed, nearest
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
from flowrun.recipes.reading import (
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    described,
    is_broken,
    plain,
    reach,
)

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
    elif isinstance(node, Sequence) and step.others is not None:
        given = _named_by_themselves(step, node, problems)
    else:
        problems.append(_no_mapping(step, node))
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


def _no_mapping(step: Step[..., Any], node: Node) -> Problem:
    """The problem of options that are no mapping, with what was probably meant."""
    value = node.text if isinstance(node, Scalar) else "..."
    if step.others is not None:
        message = f"the options of {step.name} are a list or a mapping"
        return Problem(message, node.mark, described(node), f"`{step.name}: [{value}]`")
    expected = f"`{step.name}: {{{step.options[0].name}: {value}}}`" if step.options else None
    message = f"the options of {step.name} are a mapping"
    return Problem(message, node.mark, described(node), expected or "no options at all")


def _named_by_themselves(
    step: Step[..., Any], node: Sequence, problems: list[Problem]
) -> dict[str, Entry]:
    """The items of a list as options of any name: `[a, b]` stands for `{a: a, b: b}`."""
    given: dict[str, Entry] = {}
    for item in node.items:
        if not isinstance(item, Scalar) or item.text in given:
            message = f"a list of {step.name} has names or expressions, each once"
            hint = f"for another name write a mapping: `{step.name}: {{name: ...}}`"
            problems.append(Problem(message, item.mark, described(item), hint=hint))
        else:
            given[item.text] = Entry(item, item)
    return given


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
            further = f"options are declared after a `*` in the step's function ({step.place})"
            hint = Lines(f"{hint};\n    {further}")
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
        if isinstance(at, Scalar) and at.value is None and _is_cut(option.name):
            hint = "inside braces a comma ends the item: put the whole expression in quotes"
        if isinstance(node, Scalar) and node.value in choices(option.annotation):
            hint = f"a list of one is written `[{node.text}]`"
        elif isinstance(at, Scalar) and isinstance(at.value, str):
            hint = _several_hint(at.value, option.annotation)
            hint = hint or did_you_mean(at.value, choices(option.annotation))
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
                spoken(message, option.annotation) if parts else described_type(option.annotation),
                hint,
            )
        )
        return None
    except TypeError:
        problems.append(_not_for_recipes(step, option, node.mark))
        return None


def _is_cut(text: str) -> bool:
    """Whether a text has brackets that do not match: a part of what was meant as one."""
    return any(text.count(pair[0]) != text.count(pair[1]) for pair in ("()", "[]"))


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


def _several_hint(text: str, annotation: Any) -> str | None:
    """How to give several values, if a text has numbers or choices with commas between them."""
    pieces = [piece.strip() for piece in text.split(",")]
    is_decimal = len(pieces) == 2 and all(piece.isdigit() for piece in pieces)
    if len(pieces) < 2 or is_decimal:
        return None
    known = choices(annotation)
    if not all(piece in known or _is_number(piece) for piece in pieces):
        return None
    if takes_a_list(annotation):
        return f"a list is written [{', '.join(pieces)}]"
    first, second, *_ = pieces
    return f"a run takes one value: for several, give a command for each, {first} and then {second}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _meant_hint(text: str, annotation: Any) -> str | None:
    """What to write instead of a string that looks like a misspelled bool or number."""
    if text[:1] in _CURLY_QUOTES:
        return "these are typographic quotation marks: write straight ones, or none for a number"
    if text.lower() in _BOOLS and "true or false" in described_type(annotation):
        return f"write `{_BOOLS[text.lower()]}`; a recipe knows no other word for it"
    bare = text.replace("_", "").replace(",", ".")
    if bare.endswith("%") and bare[:-1].isdigit():
        return f"for a fraction write {int(bare[:-1]) / 100:g}"
    if not _is_number(bare):
        return None
    return f"for a number write {bare}, without quotes, underscores or commas"

"""The rules about a step's declaration: docstring, options and their bounds, what it reads."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from flowrun.checking.placing import place_at
from flowrun.errors import FlowrunError, Problem, RecipeError, listed
from flowrun.plugins.option_types import annotation_text, convert, described_type, is_of_a_class
from flowrun.plugins.steps import REQUIRED, Option, Step
from flowrun.store.unseen_readers import HINT, undeclared_reads
from flowrun.testing.steps.examination import broken_rule
from flowrun.testing.steps.isolated import StepAlone
from flowrun.testing.steps.out_of_bounds import out_of_bounds

_BOUNDS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")


def undocumented(step: Step[..., Any]) -> Iterator[Problem]:
    """A missing docstring, and options without a description."""
    if not step.about.strip():
        yield broken_rule(
            step,
            "documented",
            "the function has no docstring",
            expected="one line that says what it does; `flowrun steps` lists it",
            hint=f'write one below the `def`, such as """{_about(step)}"""',
        )
    bare = [option.name for option in _options(step) if not option.description.strip()]
    if bare:
        yield broken_rule(
            step,
            "documented",
            "an option has no description" if len(bare) == 1 else "options have no description",
            found=listed(f"`{name}`" for name in bare),
            expected=f"a description of each, which `flowrun steps {step.name}` shows",
            hint=f'write {bare[0]}: Annotated[..., Meta(description="...")]',
        )


def _about(step: Step[..., Any]) -> str:
    """The beginning of a docstring: the step's name in words, and what it takes."""
    verb, *words = step.name.split("_")
    taken = listed((f"`{value.name}`" for value in step.inputs), limit=3)
    said = " ".join([verb.capitalize(), *words])
    return f"{said} ... of {taken}." if step.inputs else f"{said} ..."


def unfit_options(step: Step[..., Any]) -> Iterator[Problem]:
    """Options that no recipe can set, defaults that the option refuses, and bounds on inputs."""
    for option in _options(step):
        try:
            is_unfit = is_of_a_class(option.annotation)
        except TypeError as error:
            yield broken_rule(
                step,
                "bounds",
                f"the annotation of the option `{option.name}` is invalid",
                found=annotation_text(option.annotation),
                expected="bounds that fit the type",
                hint=str(error).partition(" - type")[0],
            )
            continue
        if is_unfit:
            yield broken_rule(
                step,
                "bounds",
                f"no recipe can give the option `{option.name}`",
                found=annotation_text(option.annotation),
                expected="str, int, float, bool, a Literal, or lists and dicts of these",
                hint="change the annotation, and make the object inside the step",
            )
        elif option.default is not REQUIRED and not _fits(option):
            yield broken_rule(
                step,
                "bounds",
                f"the default of the option `{option.name}` is not a value that the option allows",
                found=repr(option.default),
                expected=described_type(option.annotation),
                hint="change the default, or the bounds",
            )
    for name, metas in _bounded_inputs(step):
        yield broken_rule(
            step,
            "bounds",
            f"`{name}` has bounds that are never checked: it is an input",
            found=listed(metas),
            expected="bounds on options: the parameters after the `*`",
            hint=f"put `{name}` after a `*` in the step's function if recipes should set it",
        )


def undeclared(step: Step[..., Any]) -> Iterator[Problem]:
    """Files that a library reads unseen by flowrun, and that the step does not declare."""
    for read in undeclared_reads(step):
        line = place_at(read.file, read.line)
        yield broken_rule(
            step,
            "reads",
            read.message,
            found=f"{line}: {line.text}",
            expected="a path from an option, or one that is declared",
            hint=HINT,
        )


def unenforced(
    alone: StepAlone, inputs: Mapping[str, Any], options: Mapping[str, Any]
) -> Iterator[Problem]:
    """Bounds that planning does not enforce. Nothing is called."""
    step = alone.step
    given = {one.name: None for one in step.inputs if one.required} | dict(inputs)
    for option in _options(step):
        name = option.name if option is not step.others else "any_name"
        try:
            is_usable = not is_of_a_class(option.annotation)
        except TypeError:
            is_usable = False  # unfit_options reports it
        for bound, value in out_of_bounds(option.annotation) if is_usable else ():
            if not _refuses(alone, name, given, dict(options) | {name: value}):
                yield broken_rule(
                    step,
                    "bounds",
                    f"the bound {bound} of the option `{option.name}` is not enforced",
                    found=f"{name}: {value!r} is accepted",
                    expected=described_type(option.annotation),
                    hint="write the bound in the option's own annotation",
                )


def _refuses(
    alone: StepAlone, name: str, inputs: Mapping[str, Any], options: Mapping[str, Any]
) -> bool:
    """Whether the planner refuses an option, no matter whether it refuses others too."""
    try:
        alone.plan(inputs, options, seed=0, device="cpu", dtype="float32")
    except RecipeError as error:
        beginning = f"{alone.step.name}: the option `{name}`"
        return any(problem.message.startswith(beginning) for problem in error.problems)
    except FlowrunError:  # about the inputs, which are checked after the options
        return False
    return False


def _options(step: Step[..., Any]) -> list[Option]:
    return [*step.options, *([step.others] if step.others is not None else [])]


def _fits(option: Option) -> bool:
    """Whether a default is of the option's type."""
    try:
        convert(option.default, option.annotation)
    except (msgspec.ValidationError, TypeError):
        return False
    return True


def _bounded_inputs(step: Step[..., Any]) -> Iterator[tuple[str, list[str]]]:
    """Inputs whose annotation has bounds, and the bounds."""
    parameters = inspect.signature(step.function).parameters
    for value in step.inputs:
        annotation = parameters[value.name].annotation
        if isinstance(annotation, str):
            try:
                annotation = eval(annotation, step.function.__globals__)
            except Exception:
                continue  # it may name a library that is imported only for type checkers
        if typing.get_origin(annotation) is not typing.Annotated:
            continue
        found = [
            f"{bound}={getattr(extra, bound)!r}"
            for extra in typing.get_args(annotation)[1:]
            if isinstance(extra, msgspec.Meta)
            for bound in _BOUNDS
            if getattr(extra, bound) is not None
        ]
        if found:
            yield value.name, found

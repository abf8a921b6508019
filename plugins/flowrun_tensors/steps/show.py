"""The step `show`: values as torch prints them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any, Literal

from flowrun import CheckContext, Context, FlowrunError, Meta, OptionError, OutputsError, step
from flowrun_tensors.expressions import EXPRESSION, evaluate, expression_inputs, parse_option
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.printing import PrintOptions, check_format, formatted, printed

Text = Annotated[
    str, Meta(min_length=1, extra=EXPRESSION, description="What it is called, and its expression.")
]


def _inputs(options: SimpleNamespace) -> tuple[str, ...]:
    return expression_inputs(options.named, one_after_another=False)


@step(inputs=_inputs, outputs=())
def show(
    values: dict[str, Any],
    *,
    precision: Annotated[
        Annotated[int, Meta(ge=0, le=20)] | None,
        Meta(description="Digits after the point; 4 as in torch."),
    ] = None,
    threshold: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Elements above which `...` stands for the middle."),
    ] = None,
    edgeitems: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Elements before and after that `...`."),
    ] = None,
    sci_mode: Annotated[
        bool | None, Meta(description="Always, or never, print `1.0000e-02` for 0.01.")
    ] = None,
    format: Annotated[  # noqa: A002  # as Python calls it
        str | None, Meta(description="Print each number so, a line each: `loss {:.4f}`.")
    ] = None,
    library: Annotated[
        Literal["torch", "numpy"], Meta(description="Compute and print as this library does.")
    ] = "torch",
    ctx: Context,
    **named: Text,
) -> None:
    """Print values, or expressions over them, as Python's `print` does.

    Two values, and an expression with a name: `show: [a, c]`, `show: {"column means": a.mean(0)}`.

    The text stands below the step's line, belongs to the run's record, and is printed again if the
    step is kept. Tensors look as torch prints them by default, with dtype, device and
    `requires_grad`; shapes as `torch.Size([2, 2])`. With `format` the numbers of each value are
    printed in lines of their own and without the name.
    """
    options = PrintOptions(precision, threshold, edgeitems, sci_mode)
    known = values if library == "torch" else {name: _array(one) for name, one in values.items()}
    for name, value in _evaluated(named, known, library, ctx):
        if format is None:
            start = f"{name} = "
            text = printed(value, options).replace("\n", "\n" + " " * len(start))
            ctx.log(f"{start}{text}")
            continue
        try:
            ctx.log("\n".join(formatted(value, format, options)))
        except (TypeError, ValueError, OverflowError) as error:
            raise FlowrunError(f"`{name}` does not fit the format {format!r}: {error}") from error


@show.on_shapes
def _on_shapes(
    values: dict[str, Any],
    *,
    precision: int | None,
    threshold: int | None,
    edgeitems: int | None,
    sci_mode: bool | None,
    format: str | None,  # noqa: A002
    library: str,
    ctx: CheckContext,
    **named: str,
) -> None:
    """The expressions alone; arrays of NumPy have no form without data."""
    if library == "torch":
        _evaluated(named, values, library, ctx)


@show.on_outlines
def _on_outlines(
    values: dict[str, Any],
    *,
    precision: int | None,
    threshold: int | None,
    edgeitems: int | None,
    sci_mode: bool | None,
    format: str | None,  # noqa: A002
    library: str,
    ctx: Context,
    **named: str,
) -> None:
    """Nothing: it gives no value, and writes no file."""


@show.check_options
def _check_options(options: SimpleNamespace) -> None:
    if not options.named:
        raise OptionError("`show` needs values to show", hint="write `- show: [name, name]`")
    wrong = None if options.format is None else check_format(options.format)
    if wrong is not None:
        hint = "a format has one `{}`, such as `{:.4f}`"
        raise OptionError(f"{options.format!r} is no format: {wrong}", option="format", hint=hint)


def _evaluated(
    named: dict[str, str], values: dict[str, Any], library: str, ctx: Context
) -> list[tuple[str, Any]]:
    """The values by name; raises OutputsError with the errors of all that fail."""
    found, errors = [], {}
    for name, text in named.items():
        try:
            found.append((name, _value(text, name, values, library, ctx)))
        except Exception as error:
            errors[name] = error
    if errors:
        raise OutputsError(errors, {})
    return found


def _value(text: str, name: str, values: dict[str, Any], library: str, ctx: Context) -> Any:
    of_library: tuple[Any, ...] = ()
    if library == "numpy":
        import numpy

        of_library = numpy, numpy.ndarray
    expression = parse_option(text, name)
    return evaluate(expression, values, *of_library, warn=ctx.warn, as_value=False)


def _array(value: Any) -> Any:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value

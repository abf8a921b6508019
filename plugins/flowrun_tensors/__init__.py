"""The built-in plugin: every step that touches a tensor, formats, devices, data, training.

Importing it, and asking it for its steps, imports no torch: see `lazy`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flowrun import hookimpl

if TYPE_CHECKING:
    import click

    from flowrun import Call, CheckMode, Codec, Context, Dataset, Format, Step


@hookimpl
def flowrun_steps() -> Iterable[Step[..., Any]]:
    from flowrun_tensors.steps import STEPS

    return STEPS


@hookimpl
def flowrun_formats() -> Iterable[Format]:
    from flowrun_tensors.formats import FORMATS

    return FORMATS


@hookimpl
def flowrun_datasets() -> Iterable[Dataset]:
    from flowrun_tensors.catalogue import datasets

    return datasets()


@hookimpl
def flowrun_codecs() -> Iterable[Codec]:
    from flowrun_tensors.codecs import CODECS

    return CODECS


@hookimpl
def flowrun_devices() -> dict[str, str]:
    from flowrun_tensors.devices import present_devices

    return present_devices()


@hookimpl
def flowrun_check_context(devices: tuple[str, ...], present: Mapping[str, str]) -> CheckMode:
    from flowrun_tensors.checking import check_mode

    return check_mode(devices, present)


@hookimpl(wrapper=True)
def flowrun_step_call(step: Step[..., Any], ctx: Context, call: Call) -> Generator[None, Any, Any]:
    from flowrun_tensors.placement import inputs_unwritten, place_inputs, step_settings

    place_inputs(ctx, call)
    with inputs_unwritten(call), step_settings(step, ctx, call.on_shapes):
        return (yield)


@hookimpl
def flowrun_commands(cli: click.Group) -> None:
    from flowrun_tensors.examples import examples_command
    from flowrun_tensors.exporting.command import export_command

    cli.add_command(examples_command)
    cli.add_command(export_command)

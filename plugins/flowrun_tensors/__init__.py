"""The built-in plugin: every step that touches a tensor, formats, devices, data, training.

Importing it, and asking it for its steps, imports no torch: see `lazy`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flowrun import hookimpl
from flowrun_tensors.extending import Model as Model
from flowrun_tensors.extending import ModuleModel as ModuleModel
from flowrun_tensors.extending import RowReader as RowReader
from flowrun_tensors.outlines import TableOutline as TableOutline

if TYPE_CHECKING:
    import click

    from flowrun import Backend, Codec, Dataset, Format, Step


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
    from flowrun_tensors.array_codecs import ARRAY_CODECS
    from flowrun_tensors.codecs import CODECS
    from flowrun_tensors.matrix_codecs import MATRIX_CODECS
    from flowrun_tensors.module_codecs import MODULE_CODECS
    from flowrun_tensors.table_codecs import TABLE_CODECS

    return (*CODECS, *ARRAY_CODECS, *MODULE_CODECS, *TABLE_CODECS, *MATRIX_CODECS)


@hookimpl
def flowrun_backend() -> Backend:
    from flowrun_tensors.backend import TensorBackend

    return TensorBackend()


def flowrun_hookspecs() -> type:
    from flowrun_tensors.extending import TensorHooks

    return TensorHooks


@hookimpl
def flowrun_commands(cli: click.Group) -> None:
    from flowrun_tensors.examples import examples_command
    from flowrun_tensors.exporting.command import export_command

    cli.add_command(examples_command)
    cli.add_command(export_command)

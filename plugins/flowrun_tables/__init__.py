"""The built-in plugin of tables: typed columns with missing cells, from files to tensors and back.

Importing it, and asking it for its steps, imports neither polars nor torch: see `lazy_polars`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flowrun import hookimpl

if TYPE_CHECKING:
    from flowrun import Step
    from flowrun_tensors import RowReader


@hookimpl
def flowrun_steps() -> Iterable[Step[..., Any]]:
    from flowrun_tables.steps import STEPS

    return STEPS


@hookimpl
def flowrun_tensors_row_readers() -> Iterable[RowReader]:
    from flowrun_tables.rows import READER, read
    from flowrun_tensors import RowReader

    return (RowReader(READER, read),)

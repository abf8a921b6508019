"""Kept results compared with those that a call of the step gives now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from flowrun.running.dataflow import Output
from flowrun.running.record import short_digest
from flowrun.running.results import StepResult
from flowrun.store.step_records import OutputRecord, StepRecord
from flowrun.store.store import MISSING
from flowrun.store.structures import put_together
from flowrun.values.codecs import Codecs
from flowrun.values.differences import differences, path_text


def wrong_outputs(
    record: StepRecord,
    result: StepResult,
    outputs: Mapping[str, Output],
    read: Callable[[OutputRecord], Any],
    codecs: Codecs,
) -> Iterator[str]:
    """A sentence for each output of a call that is another than the one kept.

    read: returns a kept value, or MISSING.
    """
    for name, output in outputs.items():
        before = record.outputs.get(name)
        if before is not None and before.digest != output.record.digest:
            old = put_together(before.plain[0], {}, None) if before.plain else read(before)
            yield (
                f"the step `{result.id}` ({result.line}): the result of run {record.run} was "
                f"wrong, or the step is not deterministic: "
                f"{_difference(name, old, before, output, codecs)}"
            )


def _difference(name: str, old: Any, before: OutputRecord, output: Output, codecs: Codecs) -> str:
    """How a value differs from the one of a record, in a line."""
    if old is not MISSING:
        found = list(islice(differences(old, output.value, codecs), 2))
        if found:
            more = ", and more" if len(found) > 1 else ""
            return f"`{path_text(name, found[0].path)}`{found[0].text}{more}"
    was, now = (codecs.text(one.summary) for one in (before, output.record))
    if was == now:
        was, now = (short_digest(one.digest) for one in (before, output.record))
    return f"`{name}` was {was} and is {now}"

"""A reader to be fuzzed, and what must hold for every input."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flowrun import FlowrunError

MOST_SECONDS = 2.0  # of the processor, for one input of a few kilobytes
MOST_BYTES = 1 << 30  # by which the memory of the process may grow
MOST_TEXT = 100_000  # characters of an error

Check = Callable[[bytes, Path], None]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What reads an input.

    check: called with an input and an empty folder of its own, which is the current one; raises an
        AssertionError if something that was read is not what it should be.
    seeds: inputs to begin with. tokens: what the language of the input has.
    errors: the classes of errors that the reader documents.
    """

    name: str
    check: Check
    seeds: Sequence[bytes]
    tokens: Sequence[str] = ()
    errors: tuple[type[Exception], ...] = (FlowrunError,)

    def __str__(self) -> str:
        return self.name

    def try_input(self, data: bytes, folder: Path) -> None:
        """Read one input; raises whatever a reader must not raise.

        Every error must be one of the documented classes, with a text, and no input may take more
        time or memory than an input of its size may.
        """
        seconds, grown, error = self._read(data, folder)
        if seconds > MOST_SECONDS:  # the first input of a kind has libraries imported
            seconds, grown, error = self._read(data, folder)
        assert seconds <= MOST_SECONDS, f"it took {seconds:.1f} s of the processor"
        assert grown <= MOST_BYTES, f"it took {grown:,} bytes of memory"
        if error is not None:
            text = str(error)
            assert text.strip(), f"an error without a text: {error!r}"
            assert len(text) <= MOST_TEXT, f"an error of {len(text)} characters"

    def _read(self, data: bytes, folder: Path) -> tuple[float, int, Exception | None]:
        """Read an input; gives the seconds, the growth of memory, and the error that came."""
        seconds, peak = time.process_time(), _peak_bytes()
        error = self._error_of(data, folder)
        return time.process_time() - seconds, _peak_bytes() - peak, error

    def _error_of(self, data: bytes, folder: Path) -> Exception | None:
        try:
            self.check(data, folder)
        except self.errors as error:
            return error
        return None


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def as_text(data: bytes) -> str:
    """An input as text; bytes that are none are left out."""
    return data.decode("utf-8", "ignore")

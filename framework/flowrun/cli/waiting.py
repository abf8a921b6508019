"""What a terminal shows while one waits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from flowrun.errors.escaping import on_one_line
from flowrun.values.terminal import can_overwrite, columns_of, width_of


class Waiting:
    """A line on standard error that says what one waits for, and is removed afterwards.

    Only on a terminal that can overwrite a line; `is_off` silences it.
    """

    def __init__(self) -> None:
        self.is_off = False
        self._shown = 0  # columns

    def show(self, text: str) -> None:
        """Show a text in place of the one shown before."""
        width = width_of(sys.stderr) if can_overwrite(sys.stderr) else None
        if self.is_off or width is None:
            return
        self.end()
        text = on_one_line(text)[: width - 1]
        sys.stderr.write(text)
        sys.stderr.flush()
        self._shown = columns_of(text)

    def end(self) -> None:
        """Remove what is shown."""
        if self._shown:
            sys.stderr.write(f"\r{' ' * self._shown}\r")
            sys.stderr.flush()
            self._shown = 0

    @contextmanager
    def shown(self, text: str) -> Iterator[None]:
        """Show a text during what happens inside."""
        self.show(text)
        try:
            yield
        finally:
            self.end()

    def importing(self, name: str) -> None:
        """Show that a package is being imported; a module of one takes next to no time."""
        if "." not in name:
            self.show(f"  importing {name} ...")

    def imported(self, name: str, seconds: float) -> None:
        """The import is over."""
        self.end()


waiting = Waiting()

"""What could not be kept: collected while a run goes, and reported once when it is over."""

from __future__ import annotations

from collections.abc import Callable


class StoreErrors:
    """The failures of one run's store. None of them spoils the run.

    warn: is called with a sentence the user should see at once.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self.warn = warn
        self._unkept: dict[str, int] = {}
        self._reason = ""

    @property
    def may_write(self) -> bool:
        """Whether it is still worth trying to write; a disk that is full stays so."""
        return not self._unkept

    def note(self, what: str, error: BaseException) -> None:
        """Note what could not be kept, and why."""
        self._unkept[what] = self._unkept.get(what, 0) + 1
        self._reason = self._reason or f"{type(error).__name__}: {error}"

    def report(self) -> None:
        """Warn once of everything that was not kept, if anything was not."""
        if self._unkept:
            what = "\n    ".join(self._unkept)
            self.warn(
                f"not everything could be kept ({self._reason}); the results are not touched by "
                f"that, but a rerun may have to compute them again:\n    {what}"
            )
            self._unkept = {}

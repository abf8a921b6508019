"""What could not be kept: collected while a run goes, and said once when it is over."""

from __future__ import annotations

from collections.abc import Callable


class StoreErrors:
    """The failures of one run's keeping. None of them spoils the run."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._unkept: dict[str, int] = {}
        self._reason = ""

    @property
    def may_write(self) -> bool:
        """Whether it is still worth trying to write; a disk that is full stays so."""
        return not self._unkept

    def note(self, what: str, error: BaseException) -> None:
        """Something could not be kept, and why."""
        self._unkept[what] = self._unkept.get(what, 0) + 1
        self._reason = self._reason or f"{type(error).__name__}: {error}"

    def say(self, text: str) -> None:
        """Something else the user should know, at once."""
        self._complain(text)

    def tell(self) -> None:
        """Say, in one warning, what was not kept; nothing where all was."""
        if self._unkept:
            what = "\n    ".join(self._unkept)
            self._complain(
                f"not everything could be kept ({self._reason}); the results are not touched by "
                f"that, but a rerun may have to compute them again:\n    {what}"
            )
            self._unkept = {}

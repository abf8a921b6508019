"""One contender in its environment: its chain written into a new folder, run, checked and timed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chain.contender import Contender
from benchmarks.environments import Environment
from benchmarks.tables import progress
from benchmarks.timing import Command, CommandFailedError, Timed, TooSlowError, timed

SECONDS_FOR_ALL_STEPS = 240.0
FEWER_STEPS = 20


class WrongResultError(Exception):
    """A chain did not give the number of its steps."""


FAILURES = (CommandFailedError, TooSlowError, WrongResultError, OSError, ValueError)


@dataclass(frozen=True)
class Measured:
    """The wall seconds of one round."""

    first: float
    again: float | None
    start: float
    per_step: float | None


class Chain:
    """A chain of a contender, in a folder."""

    def __init__(
        self, contender: Contender, environment: Environment, folder: Path, steps: int
    ) -> None:
        self.contender = contender
        self.steps = steps
        self._environment = environment
        self._folder = folder / "chain"
        self._variables = {
            **environment.variables(folder / "home"),
            **contender.variables(self._folder),
        }
        (folder / "home").mkdir()
        for name, content in contender.files(steps).items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        for arguments in contender.prepare:
            self._timed(arguments)

    def _timed(self, arguments: Sequence[str], limit: float | None = None) -> Timed:
        program, *rest = arguments
        filled = [argument.replace("{steps}", str(self.steps)) for argument in rest]
        command = [str(self._environment.program(program)), *filled]
        return timed(Command(command, self._folder, self._variables), limit)

    def run(self, arguments: Sequence[str], limit: float | None = None) -> float:
        """The seconds of one run, whose result is checked."""
        done = self._timed(arguments, limit)
        result = self.contender.result(self._folder, done.output, self.steps)
        if result != self.steps:
            raise WrongResultError(f"{self.contender.name}: {result} in place of {self.steps}")
        return done.seconds

    def start(self) -> float:
        """The seconds of the tool's start alone."""
        return self._timed(self.contender.start).seconds


class Trial:
    """A contender with the number of steps that it manages in a few minutes."""

    def __init__(self, contender: Contender, environment: Environment, steps: int) -> None:
        self.contender = contender
        self.environment = environment
        self.steps = steps

    def warm_up(self) -> Measured | str:
        """One round that does not count; takes fewer steps from here on if it takes too long."""
        try:
            return self.measure()
        except TooSlowError:
            self.steps = min(self.steps, FEWER_STEPS)
        except FAILURES:
            pass  # said by the attempt below
        return self.attempt()

    def attempt(self) -> Measured | str:
        """One round, or why there is none: one contender's failure must not end the others' run."""
        try:
            return self.measure()
        except FAILURES as error:
            progress(f"{self.contender.name} failed: {error}")
            return str(error).splitlines()[0]

    def measure(self) -> Measured:
        """One round: a first run, the same again, a start, and a first run of a single step."""
        contender = self.contender
        with tempfile.TemporaryDirectory(prefix="chain-") as scratch:
            chain = Chain(contender, self.environment, Path(scratch), self.steps)
            first = chain.run(contender.first, SECONDS_FOR_ALL_STEPS)
            again = chain.run(contender.again) if contender.again else None
            start = chain.start()
        per_step = None
        if self.steps > 1:
            with tempfile.TemporaryDirectory(prefix="chain-") as scratch:
                chain = Chain(contender, self.environment, Path(scratch), 1)
                per_step = (first - chain.run(contender.first)) / (self.steps - 1)
        return Measured(first, again, start, per_step)

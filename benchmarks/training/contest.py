"""One case: each contender started, warmed up, timed in turns, and held against the reference."""

from __future__ import annotations

import json
import math
import re
import subprocess
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.environments import Environment
from benchmarks.tables import progress
from benchmarks.timing import interleaved
from benchmarks.training.cases import Case
from benchmarks.training.participant import (
    Ended,
    FailedError,
    NotAvailableError,
    Participant,
    variables,
)
from benchmarks.training.roster import Contender, of_case

Result = TypeVar("Result")
FOLDERS = re.compile(r"(?<!\S)(?:/[^/\s]+)+/")
LONGEST_PROBLEM = 150  # characters
FAILURES = (FailedError, NotAvailableError, OSError, ValueError)


@dataclass(frozen=True)
class Entry:
    """What was found of a contender in a case on a device.

    seconds: of all steps of the case, one for each round; empty where `problem` says why. away: how
    far it ended from the reference, as a part of it; None if it is not compared.
    """

    contender: Contender
    case: Case
    device: str
    steps: int
    seconds: tuple[float, ...] = ()
    first: float = 0.0
    threads: float = 0.0
    away: float | None = None
    mse: float | None = None
    note: str = ""
    problem: str = ""
    is_mistake: bool = False

    @property
    def is_elsewhere(self) -> bool:
        """Whether it ended somewhere else than the reference."""
        return self.away is not None and not self.away <= self.case.tolerance


class References:
    """Where the article's loops end, with so many steps; untimed, and each run once."""

    def __init__(self, case: Case, environment: Environment, data: Path) -> None:
        self._case = case
        self._environment = environment
        self._data = data
        self._found: dict[tuple[str, int], Ended] = {}

    def of(self, contender: Contender, steps: int) -> Ended:
        """The one that this contender is held against."""
        name = contender.path_in(self._case.family)
        if (name, steps) not in self._found:
            progress(f"{self._case.name}: the reference, {name}, {steps} steps")
            one = Participant(of_case(name, self._case.name), self._case, "cpu", steps)
            try:
                one.start(self._environment, self._data)
                self._found[name, steps] = one.result()
            finally:
                one.stop()
        return self._found[name, steps]


def away(ended: Ended, reference: Ended) -> float:
    """The largest difference: of parameters, as a part of the largest one; of losses, of each."""
    largest = max(abs(value) for values in reference.params.values() for value in values)
    found = [0.0]
    for name, values in reference.params.items():
        pairs = zip(ended.params[name], values, strict=True)
        found += [abs(one - other) / largest for one, other in pairs]
    if ended.losses is not None and reference.losses is not None:
        pairs = zip(ended.losses, reference.losses, strict=True)
        found += [abs(one - other) / other for one, other in pairs]
    # A number that is none is away from everything; `max` would overlook it.
    return math.inf if any(math.isnan(value) for value in found) else max(found)


def held(
    case: Case,
    contenders: Sequence[Contender],
    devices: Sequence[str],
    environments: Mapping[str, Environment | str],
    folder: Path,
    runs: int,
) -> list[Entry]:
    """Have the contenders train in turns, `runs` times; environments are made, or say why not."""
    rivals = environments["rivals"]
    if isinstance(rivals, str):
        raise FailedError(rivals)
    progress(f"{case.name}: the data")
    write_data(case, rivals, folder)
    references = References(case, rivals, folder)
    entries: list[Entry] = []
    present: dict[str, Participant] = {}
    try:
        for contender in contenders:
            for device in devices:
                one = Participant(contender, case, device, case.steps_of(contender.walks))
                environment = environments[contender.environment]
                progress(f"{case.name}: warm-up, {contender.name} on {device}")
                problem = _started(one, environment, folder, references)
                if problem:
                    entries.append(problem)
                else:
                    present[f"{contender.name} on {device}"] = one
        rounds = interleaved(
            {name: _guarded(one.turn) for name, one in present.items()},
            runs,
            lambda text: progress(f"{case.name}: {text}"),
        )
        for name, one in present.items():
            problems = [found for found in rounds[name] if isinstance(found, Exception)]
            seconds = tuple(found for found in rounds[name] if isinstance(found, float))
            entries.append(
                _not_found(one, problems[0]) if problems else _finished(one, seconds, references)
            )
    finally:
        for one in present.values():
            one.stop()
    order = [contender.name for contender in contenders]
    return sorted(entries, key=lambda entry: order.index(entry.contender.name))


def write_data(case: Case, environment: Environment, folder: Path) -> None:
    """Write the files that all contenders of a case read."""
    code = folder / "code"
    code.mkdir()
    (code / "benchmarks").symlink_to(Path(__file__).resolve().parents[1])
    subprocess.run(
        [environment.program("python"), "-m", "benchmarks.training.data", case.name, folder],
        env=variables(environment, folder) | {"PYTHONPATH": str(code)},
        check=True,
    )


def _guarded(measure: Callable[[], Result]) -> Callable[[], Result | Exception]:
    """The same, but one contender's failure must not end the others' run."""

    def guarded() -> Result | Exception:
        try:
            return measure()
        except FAILURES as error:
            return error

    return guarded


def _started(
    one: Participant, environment: Environment | str, data: Path, references: References
) -> Entry | None:
    """Start it; an entry that says why, if that cannot be."""
    try:
        if isinstance(environment, str):
            raise NotAvailableError(environment)
        if one.contender.compared:
            references.of(one.contender, one.steps)
        one.start(environment, data)
    except FAILURES as error:
        one.stop()
        return _not_found(one, error)
    return None


def _finished(one: Participant, seconds: tuple[float, ...], references: References) -> Entry:
    """The entry of a contender that was timed, once its last result has been looked at."""
    try:
        ended = one.result()
        compared = one.contender.compared
        distance = away(ended, references.of(one.contender, one.steps)) if compared else None
    except (*FAILURES, KeyError) as error:
        return _not_found(one, error)
    return Entry(
        one.contender,
        one.case,
        one.device,
        one.steps,
        seconds,
        one.first,
        one.threads,
        distance,
        ended.mse,
        ended.note,
    )


def _not_found(one: Participant, error: Exception) -> Entry:
    is_mistake = not isinstance(error, NotAvailableError)
    if is_mistake:
        progress(f"{one.contender.name} failed: {error}")
    text = str(error).strip().splitlines()
    # A report is for others as well: of files of this machine it gives the last name alone.
    first_line = FOLDERS.sub("", text[0] if text else type(error).__name__)
    problem = textwrap.shorten(first_line, LONGEST_PROBLEM, placeholder=" ...")
    return Entry(
        one.contender, one.case, one.device, one.steps, problem=problem, is_mistake=is_mistake
    )


def cuda_device(environment: Environment | str) -> str:
    """The name of the CUDA device that torch sees there, empty if there is none."""
    if isinstance(environment, str):
        return ""
    code = "import torch; print(torch.cuda.is_available() and torch.cuda.get_device_name() or '')"
    return _output(environment, "-c", code).strip()


def matrix_product(environment: Environment) -> dict[str, float | None]:
    """What `matrix_product.py` finds on the CUDA device."""
    script = Path(__file__).with_name("matrix_product.py")
    printed = _output(environment, str(script))
    found: dict[str, float | None] = json.loads(printed.splitlines()[-1])
    return found


def _output(environment: Environment, *arguments: str) -> str:
    """What the environment's Python prints."""
    command = [str(environment.program("python")), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout

"""The part of a recipe that is to run: from a step, until one, some steps alone, without some."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from flowrun.errors import Mark, Problem, Source, did_you_mean, listed
from flowrun.recipes.step_entry import StepEntry
from flowrun.values.views import Line


class Part(msgspec.Struct, frozen=True, rename={"start": "from"}):
    """The steps of a recipe that a command asks for, by their ids; all of them by default.

    start, until: the first and the last step. only: these steps alone. skip: steps to leave out.
    above: the steps before the part whose values it takes. left_out: the paths of expectations
    whose values the part does not give. The last two are known once the part is planned.
    """

    start: str | None = None
    until: str | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole recipe."""
        return not any(ids for _, ids in self._asked)

    @property
    def text(self) -> str:
        """The options in words: `from fit, without save`."""
        words = {"--from": "from", "--until": "until", "--only": "only", "--skip": "without"}
        return ", ".join(f"{words[name]} {', '.join(ids)}" for name, ids in self._asked if ids)

    @property
    def about(self) -> str:
        """The part in a sentence, with the steps above it whose values it takes."""
        return f"{self.text}; above it: {', '.join(self.above)}" if self.above else self.text

    @property
    def arguments(self) -> list[str]:
        """The arguments of a command that ask for this part."""
        return [text for name, ids in self._asked for step in ids for text in (name, step)]

    def members(self, entries: Sequence[StepEntry], problems: list[Problem]) -> list[str]:
        """The ids of the part's steps, in order; what does not fit is added to `problems`."""
        count = len(problems)
        problems += [
            _unknown(name, step, entries)
            for name, ids in self._asked
            for step in ids
            if step not in {entry.id for entry in entries}
        ]
        problems += self._contradictions()
        if len(problems) > count:
            return []
        ids = [entry.id for entry in entries]
        first = 0 if self.start is None else ids.index(self.start)
        last = len(ids) if self.until is None else ids.index(self.until) + 1
        found = [step for step in ids[first:last] if step not in self.skip]
        if self.only:
            found = [step for step in found if step in self.only]
        if not found:
            problems.append(self._empty(last <= first))
        return found

    @property
    def _asked(self) -> list[tuple[str, tuple[str, ...]]]:
        return [
            ("--from", () if self.start is None else (self.start,)),
            ("--until", () if self.until is None else (self.until,)),
            ("--only", self.only),
            ("--skip", self.skip),
        ]

    def _contradictions(self) -> list[Problem]:
        found = []
        if self.only and (self.start is not None or self.until is not None):
            message = "`--only` names every step that runs, so it takes no `--from` or `--until`"
            found.append(Problem(message, hint="leave out one of the two"))
        for name, ids in self._asked[:3]:
            found += [
                Problem(f"`{name} {step}` and `--skip {step}` contradict each other")
                for step in ids
                if step in self.skip
            ]
        return found

    def _empty(self, is_reversed: bool) -> Problem:
        if is_reversed:
            message = f"`--until {self.until}` ends above `--from {self.start}`: no step is left"
            hint = f"the other way round it is `--from {self.until} --until {self.start}`"
            return Problem(message, hint=hint)
        return Problem("every step is skipped: no step is left", hint="leave a `--skip` out")


def _unknown(option: str, step: str, entries: Sequence[StepEntry]) -> Problem:
    """The problem of an option that names a step which the recipe does not have."""
    ids = [entry.id for entry in entries]
    of_name = [entry.id for entry in entries if entry.name == step]
    pieces = [piece.strip() for piece in step.split(",")]
    if of_name:
        shown = listed(f"`{one}`" for one in of_name)
        hint: str | None = f"steps are named by their ids here: `{step}` has the id {shown}"
    elif len(pieces) > 1 and set(pieces) <= set(ids) and option in ("--only", "--skip"):
        hint = f"give the option for each step: {' '.join(f'{option} {one}' for one in pieces)}"
    else:
        hint = did_you_mean(step, ids)
    mark = Mark(Source(option, f"{option} {step}"), 0, len(option) + 1)
    message = f"the recipe has no step `{step}`"
    return Problem(message, mark, expected=f"the id of a step: {listed(ids)}", hint=hint)


def part_lines(part: Part | None) -> list[Line]:
    """The part of a recipe that runs; no line for the whole."""
    return [] if part is None else [Line("part", part.about)]


def left_out_lines(part: Part | None) -> list[Line]:
    """A line for each expectation whose value is not in the part that runs."""
    paths = () if part is None else part.left_out
    return [Line("expect", f"{path}:", "left out, its value is not in this part") for path in paths]

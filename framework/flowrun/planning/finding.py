"""Finds the step that an entry of a recipe names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from flowrun.errors import Lines, Problem, did_you_mean, listed, nearest
from flowrun.plugins.modules import hint_of_main
from flowrun.plugins.registry import Plugin, Registry
from flowrun.plugins.step_names import (
    others_of_name,
    own_name,
    qualified,
    steps_of_name,
)
from flowrun.plugins.steps import Step
from flowrun.recipes.reading import Scalar
from flowrun.recipes.step_entry import StepEntry
from flowrun.values.files import read_text

# `load {source: wine-red}`, `split train: 3`, `save to=x`: options without a colon before them.
_RUN_ON = re.compile(r"([A-Za-z_][\w.]*)\s*([{(\s].*|=.*)", re.DOTALL)
_COMMENT = re.compile(r"\s#")


class StepFinder:
    """Finds steps by the names in a recipe.

    notes: what a reader of the recipe may not expect. lacking: the plugins of the recipe that could
    not be loaded.
    """

    def __init__(
        self, registry: Registry, problems: list[Problem], lacking: Iterable[Scalar]
    ) -> None:
        self.notes: dict[str, None] = {}
        self._registry = registry
        self._problems = problems
        self._lacking = list(lacking)
        self._texts = "\n".join(_texts(self._lacking))

    def find(self, entry: StepEntry) -> tuple[Plugin, Step[..., Any]] | None:
        """The step of an entry; None (and a problem) if it is not known."""
        if self._is_lost(entry.name):
            return None  # the failure of its plugin is reported already
        found = steps_of_name(self._registry, entry.name)
        if len(found) == 1:
            self._note(entry, *found[0])
            return found[0]
        self._problems.append(self._ambiguous(entry, found) if found else self._unknown(entry))
        return None

    def _is_lost(self, name: str) -> bool:
        """Whether a plugin that could not be loaded has the step, or may have it."""
        if not self._lacking:
            return False
        is_named = re.search(rf"\b{re.escape(own_name(name))}\b", self._texts) is not None
        return is_named or not (steps_of_name(self._registry, name) or _RUN_ON.fullmatch(name))

    def _note(self, entry: StepEntry, plugin: Plugin, step: Step[..., Any]) -> None:
        """Note that a plugin's step takes the place of another's, if the recipe does not say so."""
        others = others_of_name(self._registry, plugin, step)
        if entry.name == step.name and others:
            names = " and ".join(f"`{qualified(*one)}`" for one in others)
            verb = "is" if len(others) == 1 else "are"
            self.notes[
                f"`{step.name}` is the step of {plugin.name}, `{qualified(plugin, step)}`; {names} "
                f"{verb} there as well"
            ] = None

    def _ambiguous(self, entry: StepEntry, found: list[tuple[Plugin, Step[..., Any]]]) -> Problem:
        givers = " and ".join(f"`{plugin.name}` ({plugin.origin})" for plugin, _ in found)
        names = list(dict.fromkeys(qualified(*one) for one in found))
        hint = f"write the plugin's name before it: {' or '.join(f'`{name}`' for name in names)}"
        if len(names) < len(found):
            hint = "rename one of the two, or leave one of the plugins out"
        message = f"the step `{entry.name}` is given by more than one plugin: {givers}"
        return Problem(message, entry.mark, hint=hint)

    def _unknown(self, entry: StepEntry) -> Problem:
        known = sorted(self._registry.steps)
        if run_on := _RUN_ON.fullmatch(entry.name):
            item = _item(entry.mark.source.line(entry.mark.line))
            written = item if item.startswith(run_on[1]) else entry.name
            name = run_on[1] if run_on[1] in known else nearest(run_on[1], known) or run_on[1]
            message = f"`{written}` lacks a colon after the name of its step"
            hint = f"write `- {name}: {_options(written.removeprefix(run_on[1]).strip())}`"
            return Problem(message, entry.mark, hint=hint)
        if entry.replaces and entry.name == entry.id != entry.replaces:
            return _of_an_id(entry)
        return Problem(
            f"there is no step `{entry.name}`",
            entry.mark,
            expected=f"one of: {listed(known)}",
            hint=self._way_on(entry.name),
        )

    def _way_on(self, name: str) -> str:
        """What to do about an unknown step."""
        if hint := hint_of_main(name):
            return hint
        near = self._near(name)
        if self._registry.failures:
            failures = "\n    ".join(map(str, self._registry.failures))
            hint = f"{failures}\n    the step may be one of what was not loaded"
            return Lines(hint if near is None else f"{near}\n    {hint}")
        lists = "`flowrun steps` lists all; a step of your own needs `plugins: [./file.py]`"
        return near or lists

    def _near(self, name: str) -> str | None:
        """The question for the nearest name that a recipe may write."""
        steps = self._registry.steps
        names = [qualified(*one) for found in steps.values() for one in found]
        if "." not in name:
            return did_you_mean(name, steps)
        same = [f"`{qualified(*one)}`" for one in steps.get(own_name(name), [])]
        return f"did you mean {' or '.join(same)}?" if same else did_you_mean(name, names)


def _of_an_id(entry: StepEntry) -> Problem:
    """The problem of a step that is named by the id of one of the extended recipe."""
    return Problem(
        f"there is no step `{entry.name}`: it is the id of a step `{entry.replaces}` of the recipe "
        "that this one extends",
        entry.mark,
        expected=f"`- {entry.replaces}: {{...}}` with `id: {entry.id}` beside it, to change it",
        hint=f"to leave it out, write `remove: [{entry.id}]` at the top",
    )


def _texts(plugins: Iterable[Scalar]) -> Iterator[str]:
    """The texts of files that could not be loaded: their steps are named there."""
    for scalar in plugins:
        path: Path = scalar.mark.source.folder / scalar.text
        if path.suffix == ".py" and path.is_file():
            yield read_text(path, errors="replace")


def _item(line: str) -> str:
    """The item of a list that a line has behind a dash, without a comment; empty if it has none."""
    dash, text = line.lstrip()[:2], line.strip()[1:].lstrip()
    if dash[:1] != "-" or not dash[1:].isspace():
        return ""
    return _COMMENT.split(text, maxsplit=1)[0].rstrip()


def _options(written: str) -> str:
    """Options as a recipe writes them: `{source: wine-red}`."""
    if written.startswith("{"):
        return written
    written = written.removeprefix("(").removesuffix(")")
    settings = re.sub(r"(?<=\w)\s*=\s*", ": ", written)
    return f"{{{settings if ':' in settings else f'option: {settings}'}}}"

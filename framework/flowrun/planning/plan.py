"""A plan: a recipe checked against the registered steps. Everything fits; nothing has run yet."""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable, Iterator
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence as AnySequence
from pathlib import Path
from typing import Any

import msgspec
from blake3 import blake3
from msgspec.structs import replace

from flowrun.errors import (
    Lines,
    Mark,
    PluginError,
    Problem,
    RecipeError,
    listed,
    suggestions_bounded,
)
from flowrun.expectations.check import short
from flowrun.expectations.expectation import Expectations, read_expectations
from flowrun.planning.finding import StepFinder
from flowrun.planning.last_step import with_last_step
from flowrun.planning.lost import lost_results
from flowrun.planning.options import read_options
from flowrun.planning.parts import with_needed
from flowrun.planning.wiring import Wires, Wiring
from flowrun.plugins.registry import Registry
from flowrun.plugins.step_names import steps_of_name
from flowrun.plugins.steps import Step
from flowrun.recipes.devices import device_problem
from flowrun.recipes.keys import LARGEST_SEED
from flowrun.recipes.overrides import Settings
from flowrun.recipes.part import Part, part_lines
from flowrun.recipes.recipe import Recipe, read_recipe
from flowrun.recipes.step_entry import StepEntry


class PlannedStep(msgspec.Struct, frozen=True):
    """One step of a plan: its options converted, its inputs and outputs bound to names."""

    id: str
    step: Step[..., Any]
    plugin: str
    options: dict[str, Any]
    wires: Wires
    seed: int
    device: str | None
    dtype: str | None
    cache: bool | None
    folder: Path
    mark: Mark

    @property
    def keywords(self) -> dict[str, Any]:
        """The options as keyword arguments of the step's function, including those of any name."""
        keywords = dict(self.options)
        if self.step.others is not None:
            keywords.update(keywords.pop(self.step.others.name))
        return keywords

    @property
    def shown_options(self) -> str:
        """The step's name and its options, in a line."""
        options = (f"{name}={short(repr(value))}" for name, value in self.keywords.items())
        return f"{self.step.name}({', '.join(options)})"

    @property
    def shown_wires(self) -> str:
        """The names of the values it takes and gives, in a line."""
        takes = dict.fromkeys(self.wires.taken)
        gives = listed(self.wires.outputs.values())
        return f"{listed(takes)} → {gives}" if takes else f"→ {gives}"


class Plan(msgspec.Struct, frozen=True):
    """A recipe that is ready to run.

    given: values that come from outside of it, by name. looked_at: what the functions by which
    steps check their options, and name their inputs and outputs, looked at. part: the part of a
    recipe that it is; None for the whole. `recipe` then has the steps and the expectations of the
    part, and the steps above it whose values these take. notes: what a reader of the recipe may not
    expect.
    """

    recipe: Recipe
    steps: tuple[PlannedStep, ...]
    expectations: Expectations
    registry: Registry
    given: AnyMapping[str, Any] = {}
    looked_at: tuple[str, ...] = ()
    part: Part | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Plan({self.recipe.name}: {listed(step.id for step in self.steps)})"

    def _repr_html_(self) -> str:
        from flowrun.values.views import Line, Part, View  # only a notebook needs it

        recipe = self.recipe
        expected = [
            Line(
                "expect", f"{one.path.text} {', '.join(each.text for each in one.checks.values())}"
            )
            for one in self.expectations.values
        ]
        if self.expectations.error is not None:
            expected.append(Line("expect", self.expectations.error.text))
        steps = part_lines(self.part)
        steps += [Line(step.id, step.shown_options, step.shown_wires) for step in self.steps]
        about = f"device {recipe.device}, {recipe.dtype}, seed {recipe.seed}; nothing has run yet"
        return View(recipe.name, recipe.about, [Part(steps), Part(expected)], about).html()


@suggestions_bounded()
def make_plan(
    recipe: str | Path | AnyMapping[str, object] | Recipe,
    *,
    set: Settings = (),
    device: str | None = None,
    seed: int | None = None,
    plugins: tuple[str, ...] = (),
    given: AnyMapping[str, Any] | None = None,
    show: AnySequence[str] = (),
    part: Part | None = None,
    registry: Registry,
    look_ahead: Callable[[Plan], list[Problem]] = lambda plan: [],
) -> Plan:
    """Plan a recipe with the registered steps.

    recipe: a path, a mapping, or the result of `load_recipe`.
    set: settings that change it, as `--set` does.
    device, seed: replace the recipe's own.
    plugins: further plugins: paths of .py files (from the current folder) or module names.
    given: values by name that its steps take, as if steps above had given them.
    show: values, or expressions over values, that a last step `show` prints.
    part: the steps to run; by default all of them.
    registry: the plugins to use, to which those of the recipe are added.
    look_ahead: gives the problems that a run of a plan is certain to have. If a value is missing,
        those of the steps above may be the reason.

    Raises RecipeError with all problems at once: unknown steps, unknown or ill-typed options,
    missing inputs, unknown device names. Raises PluginError if one of `plugins` cannot be loaded.
    """
    load_plugins(registry, plugins)
    problems: list[Problem] = []
    if isinstance(recipe, Recipe) and set:
        hint = "give the settings to load_recipe(..., set=...)"
        problems.append(Problem("a recipe that was already read takes no settings", hint=hint))
    read = recipe if isinstance(recipe, Recipe) else read_recipe(recipe, set, problems)
    if read is None:
        raise RecipeError(problems)
    read = _with_arguments(read, device, seed, problems)
    members = None if part is None else part.members(read.steps, problems)
    if members == []:
        raise RecipeError(problems)
    if show:
        read, members = with_last_step(read, show, members)
    for scalar in read.plugins:
        try:
            registry.load_named(scalar.text, scalar.mark.source.folder)
        except PluginError as error:
            message, _, more = str(error).partition("\n")
            problems.append(Problem(message, scalar.mark, hint=Lines(more.strip()) or None))
    planner = _Planner(read, registry, problems, given or {}, look_ahead)
    planned = planner.plan_all() if part is None else planner.plan_part(part, members or [])
    if problems:
        raise RecipeError(problems)
    return planned


def load_plugins(registry: Registry, names: tuple[str, ...]) -> None:
    """Load the plugins of `-p`: paths from the current folder, or module names."""
    for name in names:
        registry.load_named(name, Path.cwd())


def _with_arguments(
    recipe: Recipe, device: str | None, seed: int | None, problems: list[Problem]
) -> Recipe:
    if device is not None:
        if wrong := device_problem(device):
            expected, hint = wrong
            problems.append(Problem("the device is not known", None, f"`{device}`", expected, hint))
        else:
            recipe = replace(recipe, device=device, device_mark=None)
    if seed is not None:
        if 0 <= seed <= LARGEST_SEED:
            recipe = replace(recipe, seed=seed)
        else:
            expected = f"a whole number from 0 to {LARGEST_SEED}"
            problems.append(Problem("the seed is out of range", None, f"`{seed}`", expected))
    return recipe


def step_seed(recipe_seed: int, step_id: str) -> int:
    """The seed of one step: 63 bits of the digest of the recipe's seed and the step's id.

    So inserting a step does not change the random numbers of other steps.
    """
    digest = blake3(f"{recipe_seed}/{step_id}".encode()).digest(length=8)
    return int.from_bytes(digest, "big") & LARGEST_SEED


class _Planner:
    """Plans the steps in order, and continues after a problem, so that all are found at once."""

    def __init__(
        self,
        recipe: Recipe,
        registry: Registry,
        problems: list[Problem],
        given: AnyMapping[str, Any],
        look_ahead: Callable[[Plan], list[Problem]],
    ) -> None:
        self._recipe = recipe
        self._registry = registry
        self._problems = problems
        marks = [problem.mark for problem in problems]
        lacking = [scalar for scalar in recipe.plugins if scalar.mark in marks]
        self._finder = StepFinder(registry, problems, lacking)
        self._wiring = Wiring(registry.steps, problems, given)
        self._given = given
        self._look_ahead = look_ahead

    def plan_all(self) -> Plan:
        """Plan every step, and read every expectation."""
        found = [self._plan_step(entry) for entry in self._recipe.steps]
        steps = tuple(step for step in found if step is not None)
        self._settle(steps)
        expectations = self._expectations(steps)
        if not self._problems:  # a step that could not be planned may take a given value
            expected = {one.path.root for one in expectations.values}
            self._problems += self._wiring.unused(expected)
            self._note_lost(steps, expected)
        return self._plan(steps, expectations)

    def _settle(self, steps: tuple[PlannedStep, ...]) -> None:
        """Say of missing inputs where they come from, or what is wrong with the steps above."""
        ahead: list[Problem] = []
        if self._wiring.lacks_input:
            fitting = {step.id: step for step in steps}
            above = itertools.takewhile(lambda entry: entry.id in fitting, self._recipe.steps)
            fit = tuple(fitting[entry.id] for entry in above)
            ahead = self._look_ahead(self._plan(fit, Expectations()))
        self._wiring.settle("what is wrong above may be the reason" if ahead else None)
        self._problems[:0] = ahead

    def _note_lost(self, steps: tuple[PlannedStep, ...], expected: set[str]) -> None:
        """Note each step of whose results nothing is taken, because the taker stands above it."""
        wires = [step.wires for step in steps]
        for at, above, name in lost_results(wires, frozenset(expected)):
            step, taker = steps[at], steps[above]
            self._finder.notes[
                f"{step.mark}: no step takes what `{step.id}` gives: `{taker.id}` stands above it "
                f"and took the `{name}` before; move `{step.id}` above `{taker.id}` if it is for it"
            ] = None

    def plan_part(self, part: Part, members: list[str]) -> Plan:
        """Plan the part of these steps, and the steps above them whose values they take.

        Steps below the part need not fit. An expectation is left out if the part does not have the
        step that gives its value in the whole recipe: another step of the part may give a value of
        that name, of which nothing is expected. For this, steps that are skipped count as if the
        recipe did not have them.
        """
        entries = self._recipe.steps
        end = [entry.id for entry in entries].index(members[-1]) + 1
        upper = [self._plan_or_skip(entry, part) for entry in entries[:end]]
        count = len(self._problems)  # those that are noted from here on are of steps below the part
        lower = [self._plan_or_skip(entry, part) for entry in entries[end:]]
        del self._problems[count:]
        steps = [step for step in (*upper, *lower) if step is not None]
        self._settle(tuple(steps))
        expectations = self._expectations(steps)
        if self._problems:
            return self._plan(tuple(steps), expectations)
        wanted = (at for at, step in enumerate(steps) if step.id in members)
        needed = with_needed([step.wires for step in steps], wanted)
        expectations = self._given_by(expectations, steps, needed)
        texts = expectations.texts
        ids = [steps[at].id for at in needed]
        left_out = tuple(path for path in self._recipe.expect if path not in texts)
        above = tuple(step for step in ids if step not in members)
        self._recipe = replace(
            self._recipe,
            steps=tuple(entry for entry in entries if entry.id in ids),
            expect={path: entry for path, entry in self._recipe.expect.items() if path in texts},
        )
        part = replace(part, above=above, left_out=left_out)
        return self._plan(tuple(steps[at] for at in needed), expectations, part)

    def _given_by(
        self, expectations: Expectations, steps: list[PlannedStep], needed: list[int]
    ) -> Expectations:
        """The expectations of values that come from these steps in the whole plan."""
        error, ids = expectations.error, {steps[at].id for at in needed}
        givers = self._wiring.available.items()  # also steps below the part that do not fit
        roots = {name for name, giver in givers if giver in ids or not giver}
        if self._wiring.is_uncertain:  # a step that does not fit may give any value anew
            roots = set()
        return Expectations(
            tuple(one for one in expectations.values if one.path.root in roots),
            error if error and error.step in ids else None,
        )

    def _expectations(self, steps: AnySequence[PlannedStep]) -> Expectations:
        names = [*self._wiring.available, *self._wiring.skipped]
        return read_expectations(
            self._recipe.expect,
            None if self._wiring.is_uncertain or self._wiring.skips_unknown else names,
            [entry.id for entry in self._recipe.steps],
            self._problems,
            {name: path for step in steps for name, path in _parts_named(step)},
        )

    def _plan(
        self,
        steps: tuple[PlannedStep, ...],
        expectations: Expectations,
        part: Part | None = None,
    ) -> Plan:
        return Plan(
            self._recipe,
            steps,
            expectations,
            self._registry,
            self._given,
            tuple(self._wiring.looked_at.seen),
            part,
            tuple(self._finder.notes),
        )

    def _plan_or_skip(self, entry: StepEntry, part: Part) -> PlannedStep | None:
        if entry.id not in part.skip:
            return self._plan_step(entry)
        found = steps_of_name(self._registry, entry.name)
        if len(found) == 1:
            ((_, step),) = found
            count = len(self._problems)
            options = read_options(step, entry.options, entry.mark, self._problems)
            del self._problems[count:]
            given = None if options is None else types.SimpleNamespace(**options)
            self._wiring.skip(step, entry, given)
        else:
            self._wiring.skips_unknown = True
        return None

    def _plan_step(self, entry: StepEntry) -> PlannedStep | None:
        found = self._finder.find(entry)
        if found is None:
            self._wiring.give_unknown()
            return None
        plugin, step = found
        options = read_options(step, entry.options, entry.mark, self._problems)
        namespace = None if options is None else types.SimpleNamespace(**options)
        wires = self._wiring.connect(step, entry, namespace)
        if options is None or wires is None:
            return None
        own = {key: item.value for key, item in entry.beside.items()}
        return PlannedStep(
            id=entry.id,
            step=step,
            plugin=plugin.name,
            options=options,
            wires=wires,
            seed=step_seed(self._recipe.seed, entry.id),
            device=str(getattr(own["device"], "value", "")) if "device" in own else None,
            dtype=str(getattr(own["dtype"], "value", "")) if "dtype" in own else None,
            cache=bool(getattr(own["cache"], "value", False)) if "cache" in own else None,
            folder=entry.mark.source.folder,
            mark=entry.mark,
        )


def _parts_named(step: PlannedStep) -> Iterator[tuple[str, str]]:
    """The names in the options of a step of one output, which may be keys of it, and their paths.

    So `evaluate` with `metrics: [mae, r2]` gives `metrics`, in which `r2` is `metrics.r2`.
    """
    outputs = list(step.wires.outputs.values())
    for value in step.options.values():
        if len(outputs) == 1 and isinstance(value, (list, tuple)):
            yield from ((name, f"{outputs[0]}.{name}") for name in value if isinstance(name, str))

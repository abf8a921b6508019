"""A plan: a recipe checked against the registered steps. Everything fits; nothing has run yet."""

from __future__ import annotations

import types
from collections.abc import Mapping as AnyMapping
from pathlib import Path
from typing import Any

import msgspec
from blake3 import blake3
from msgspec.structs import replace

from flowrun.errors import Mark, PluginError, Problem, RecipeError, did_you_mean, listed
from flowrun.expectations.expectation import Expectations, read_expectations
from flowrun.planning.options import read_options
from flowrun.planning.wiring import Wires, Wiring
from flowrun.plugins.registry import Plugin, Registry
from flowrun.plugins.steps import Step
from flowrun.recipes.devices import device_problem
from flowrun.recipes.document import StepEntry
from flowrun.recipes.keys import LARGEST_SEED
from flowrun.recipes.overrides import Settings
from flowrun.recipes.recipe import Recipe, read_recipe


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


class Plan(msgspec.Struct, frozen=True):
    """A recipe that is ready to run. given: values that come from outside of it, by name."""

    recipe: Recipe
    steps: tuple[PlannedStep, ...]
    expectations: Expectations
    registry: Registry
    given: AnyMapping[str, Any] = {}


def make_plan(
    recipe: str | Path | AnyMapping[str, object] | Recipe,
    *,
    set: Settings = (),
    device: str | None = None,
    seed: int | None = None,
    plugins: tuple[str, ...] = (),
    given: AnyMapping[str, Any] | None = None,
    registry: Registry,
) -> Plan:
    """Plan a recipe with the registered steps.

    recipe: a path, a mapping, or the result of `load_recipe`.
    set: settings that change it, as `--set` does.
    device, seed: replace the recipe's own.
    plugins: further plugins: paths of .py files (from the current folder) or module names.
    given: values by name that its steps take, as if steps above had given them.
    registry: the plugins to use, to which those of the recipe are added.

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
    for scalar in read.plugins:
        try:
            registry.load_named(scalar.text, scalar.mark.source.folder)
        except PluginError as error:
            message, _, more = str(error).partition("\n")
            problems.append(Problem(message, scalar.mark, hint=more.strip() or None))
    planned = _Planner(read, registry, problems, given or {}).plan_all()
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
    ) -> None:
        self._recipe = recipe
        self._registry = registry
        self._known = registry.steps
        self._problems = problems
        marks = [scalar.mark for scalar in recipe.plugins]
        self._lacks_a_plugin = any(problem.mark in marks for problem in problems)
        self._wiring = Wiring(self._known, problems, given)
        self._given = given

    def plan_all(self) -> Plan:
        steps = [self._plan_step(entry) for entry in self._recipe.steps]
        names = None if self._wiring.is_uncertain else list(self._wiring.available)
        expectations = read_expectations(
            self._recipe.expect,
            names,
            [entry.id for entry in self._recipe.steps],
            self._problems,
        )
        if not self._problems:  # a step that could not be planned may take a given value
            expected = {one.path.root for one in expectations.values}
            self._problems += self._wiring.unused(expected)
        return Plan(
            self._recipe,
            tuple(step for step in steps if step is not None),
            expectations,
            self._registry,
            self._given,
        )

    def _plan_step(self, entry: StepEntry) -> PlannedStep | None:
        found = self._find_step(entry)
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

    def _find_step(self, entry: StepEntry) -> tuple[Plugin, Step[..., Any]] | None:
        found = self._known.get(entry.name, [])
        if len(found) == 1:
            return found[0]
        if found:
            givers = " and ".join(f"`{plugin.name}` ({plugin.origin})" for plugin, _ in found)
            self._problems.append(
                Problem(
                    f"the step `{entry.name}` is given by more than one plugin: {givers}",
                    entry.mark,
                    hint="rename one of the two, or leave one of the plugins out",
                )
            )
            return None
        failures = "\n    ".join(map(str, self._registry.failures))
        hint = did_you_mean(entry.name, self._known)
        if hint is None and self._lacks_a_plugin:
            return None  # that plugin may have the step, and its failure is reported already
        if hint is None:
            hint = "`flowrun steps` lists all; a step of your own needs `plugins: [./file.py]`"
        self._problems.append(
            Problem(
                f"there is no step `{entry.name}`",
                entry.mark,
                expected=f"one of: {listed(sorted(self._known))}",
                hint=f"{failures}\n    {hint}" if failures else hint,
            )
        )
        return None

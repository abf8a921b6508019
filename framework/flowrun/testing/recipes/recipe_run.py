"""One recipe of a session: run once, however many of its expectations are tested."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import msgspec

from flowrun.api import plan, run_plan
from flowrun.errors import (
    FlowrunError,
    MissingDataError,
    PluginError,
    RecipeError,
    StepError,
    listed,
    typed_path,
)
from flowrun.expectations.check import CheckResult
from flowrun.planning.plan import Plan
from flowrun.plugins.registry import Registry
from flowrun.recipes.devices import KINDS, meant_device
from flowrun.running.results import Result
from flowrun.testing.recipes.settings import RunSettings

UNMET, BAD_RECIPE, STEP_FAILED = 1, 2, 3  # the exit codes of `flowrun RECIPE`


class RecipeRun:
    """A recipe's plan and run, each made at its first use.

    complaints: warnings of the store and of listeners that failed. told_at: the test that has shown
    why the recipe has no result. before: the recipes that write files this one reads, to be run
    first.
    """

    def __init__(self, path: Path, settings: RunSettings, registry: Registry) -> None:
        self.path = path
        self.settings = settings
        self.complaints: list[str] = []
        self.told_at: str | None = None
        self.before: list[RecipeRun] = []
        self._registry = registry

    @property
    def name(self) -> str:
        """The recipe's file as a person would type it here."""
        return typed_path(self.path)

    @cached_property
    def skipped(self) -> str | None:
        """Why this machine cannot run the recipe; None if it can, or if the recipe is not valid."""
        if not isinstance(self.plan, Plan):
            return None
        recipe, steps = self.plan.recipe, self.plan.steps
        named = [recipe.device, *(step.device for step in steps if step.device is not None)]
        tags = [tag for tag in recipe.tags if tag in KINDS]
        if not recipe.needs.texts and not tags and set(named) <= {"auto", "cpu"}:
            return None  # so that a recipe whose steps are all kept need not ask for devices
        present = self.plan.registry.devices
        unmet = recipe.needs.unmet(present)
        if unmet is not None:
            return unmet
        kinds = {name.partition(":")[0] for name in present}
        lacking = [tag for tag in tags if tag not in kinds]
        lacking += [device for device in named if meant_device(device, present) not in present]
        return f"needs {lacking[0]}, and this machine has: {listed(present)}" if lacking else None

    @cached_property
    def plan(self) -> Plan | FlowrunError:
        """The plan, or the recipe's errors."""
        try:
            return plan(
                self.path,
                device=self.settings.device,
                seed=self.settings.seed,
                registry=self._registry.copy(),
            )
        except (RecipeError, PluginError) as error:
            return error

    @cached_property
    def result(self) -> Result | FlowrunError:
        """The recipe's result, or the error that ended it."""
        if not isinstance(self.plan, Plan):
            return self.plan
        for recipe in self.before:
            if recipe.skipped is None:
                _ = recipe.result  # its own tests report it
        try:
            return run_plan(
                self.plan,
                standin=self.settings.standin,
                fresh=self.settings.fresh,
                warn=self.complaints.append,
                progress=False,
            )
        except FlowrunError as error:
            return error

    @property
    def lacks_data(self) -> str | None:
        """Why a data set is not available; None if the recipe did not fail for that."""
        cause = self.result.__cause__ if isinstance(self.result, StepError) else None
        return str(cause) if isinstance(cause, MissingDataError) else None

    @property
    def warnings(self) -> list[str]:
        """The warnings of the recipe's steps and of the store."""
        said = self.result.record["warnings"] if isinstance(self.result, Result) else []
        return [*said, *self.complaints]

    def outcomes(self, name: str) -> list[CheckResult]:
        """The results of the expectations of one name; the recipe must have run."""
        assert isinstance(self.result, Result)
        found = msgspec.convert(self.result.record["expectations"], list[CheckResult])
        return [one for one in found if one.path == name]


def exit_code(error: FlowrunError) -> int:
    """The code with which `flowrun RECIPE` ends for an error."""
    return STEP_FAILED if isinstance(error, StepError) else BAD_RECIPE

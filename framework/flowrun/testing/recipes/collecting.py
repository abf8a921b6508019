"""Recipes in pytest: a recipe file is a collector, and each of its expectations a test."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from flowrun.api import new_registry
from flowrun.errors import FlowrunError, Mark, Problem
from flowrun.errors.escaping import below, command_line, in_lines, on_one_line
from flowrun.expectations.golden.files import GOLDEN
from flowrun.planning.plan import Plan
from flowrun.plugins.registry import Registry
from flowrun.recipes.reading import Entry
from flowrun.recipes.recipe import Recipe, read_recipe
from flowrun.running.record import RunRecord, read_record
from flowrun.running.results import Result
from flowrun.testing.recipes.drift import drift_from
from flowrun.testing.recipes.failures import RecipeFailure, line, unmet_text
from flowrun.testing.recipes.golden_update import update_golden
from flowrun.testing.recipes.ordering import Files, in_order, writers_of
from flowrun.testing.recipes.over_seeds import Judged, SeedError, judge_over_seeds, worst_text
from flowrun.testing.recipes.properties import GOLDEN_PROPERTY
from flowrun.testing.recipes.recipe_run import STEP_FAILED, UNMET, RecipeRun, exit_code
from flowrun.testing.recipes.repeating import repeats, what_differs
from flowrun.testing.recipes.settings import RunSettings
from flowrun.values.codecs import Codecs
from flowrun.values.paths import follow

EXIT_CODE = "flowrun_exit_code"  # the property of a failed test by which `flowrun test` ends
_REGISTRY = pytest.StashKey[Registry]()
_OTHER_RUN = pytest.StashKey[RunRecord]()


class RecipeWarning(pytest.PytestWarning):
    """A warning of a recipe's step, such as of simulated data."""


class RecipeFile(pytest.File):
    """A recipe's file: an item for each name under `expect`, or one that the recipe runs.

    run: the recipe's run; set when the file is collected.
    """

    run: RecipeRun

    def __init__(self, *, path: Path, parent: pytest.Collector, **arguments: Any) -> None:
        shown = on_one_line(str(path))
        if shown != str(path):  # pytest prints the ids of tests as they are
            arguments["nodeid"] = os.path.relpath(shown, parent.config.rootpath)
        super().__init__(path=path, parent=parent, **arguments)

    def collect(self) -> Iterator[pytest.Item]:
        problems: list[Problem] = []
        recipe = read_recipe(self.path, (), problems)
        settings = _settings(self.config)
        run = self.run = RecipeRun(self.path, settings, _registry(self.config))
        if self.config.getoption("recipe_flaky"):
            yield self._item("same bits", recipe, run, None, SameBitsItem)
            return
        if (other := other_run(self.config)) is not None:
            if recipe is not None and recipe.name == other.recipe:
                run.settings = replace(settings, seed=other.seed)
                yield self._item("as recorded", recipe, run, None, AsRecordedItem)
            return
        expected = recipe.expect if recipe is not None and not problems else {}
        for name, entry in expected.items():
            yield self._item(name, recipe, run, entry)
        if not expected:
            yield self._item("runs", recipe, run, None)

    def _item(
        self,
        name: str,
        recipe: Recipe | None,
        run: RecipeRun,
        entry: Entry | None,
        kind: type[RecipeItem] | None = None,
    ) -> RecipeItem:
        made: RecipeItem = (kind or RecipeItem).from_parent(self, name=name, run=run, entry=entry)
        for tag in () if recipe is None else recipe.tags:
            _register(self.config, tag)
            made.add_marker(tag)
        return made


def arrange(items: list[pytest.Item]) -> None:
    """Put the tests of a recipe after those of the recipes that write the files it reads.

    It runs those recipes itself if they have not run in this process: another worker may have them.
    All other tests keep their places.
    """
    of_recipes = [item for item in items if isinstance(item, RecipeItem)]
    recipes = list(dict.fromkeys(item.recipe_file for item in of_recipes))
    writers = writers_of([Files(recipe.run.plan) for recipe in recipes])
    rank = {recipes[number]: position for position, number in enumerate(in_order(writers))}
    for recipe, before in zip(recipes, writers, strict=True):
        first = [recipes[number] for number in before]
        recipe.run.before = [one.run for one in first if rank[one] < rank[recipe]]
    arranged = iter(sorted(of_recipes, key=lambda item: rank[item.recipe_file]))
    items[:] = [next(arranged) if isinstance(item, RecipeItem) else item for item in items]


class RecipeItem(pytest.Item):
    """The test of one expectation of a recipe; without an entry, that the recipe runs."""

    def __init__(self, *, run: RecipeRun, entry: Entry | None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._run = run
        self._entry = entry

    @property
    def recipe_file(self) -> RecipeFile:
        """The collector of the recipe."""
        assert isinstance(self.parent, RecipeFile)
        return self.parent

    def runtest(self) -> None:
        if self._run.skipped is not None:
            raise _skip(self._run.skipped)
        if not isinstance(self._run.plan, Plan):
            raise RecipeFailure(self._why_nothing(self._run.plan), exit_code(self._run.plan))
        self.hold(self._run.plan)

    def result(self) -> Result:
        """The recipe's result; fails if it has none, and skips if its data is not available."""
        result = self._run.result
        self._warn()
        if isinstance(result, Result):
            return result
        if self._run.lacks_data is not None:
            raise _skip(self._run.lacks_data)
        raise RecipeFailure(self._why_nothing(result), exit_code(result))

    def hold(self, planned: Plan) -> None:
        """Raise RecipeFailure if the recipe does not pass this test."""
        result = self.result()
        updated = self._update_golden(planned, result)
        unmet = [outcome for outcome in self._run.outcomes(self.name) if not outcome.met]
        if updated:
            unmet = [outcome for outcome in unmet if outcome.check != GOLDEN]
        worst = []
        for judged in self._over_seeds(planned):
            if not judged.outcome.met:
                unmet.append(judged.outcome)
                worst.append(line("worst seed", worst_text(judged, self._command)))
        if unmet and self._entry is not None:
            text = unmet_text(self._entry.key.mark, planned, unmet, self._command())
            raise RecipeFailure("\n".join([text, *dict.fromkeys(worst)]), UNMET)

    def _over_seeds(self, planned: Plan) -> list[Judged]:
        """The results of the statistics over many seeds; none if the recipe has none."""
        for one in planned.expectations.values:
            if one.path.text == self.name and one.over_seeds is not None:
                try:
                    return judge_over_seeds(
                        self._run.path, planned, one.path.text, one.over_seeds, self._run.settings
                    )
                except SeedError as error:
                    again = line("run again", self._command())
                    raise RecipeFailure(f"{one.mark}: {error}\n{again}", STEP_FAILED) from error
        return []

    def _command(self, seed: int | None = None) -> str:
        """The command that runs the recipe as the test does, with another seed."""
        more = () if seed is None else ("--seed", str(seed))
        return self._run.settings.command(self._run.name, *more)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *more: Any) -> Any:
        """A failure of the recipe as its own text; any other exception as pytest shows it."""
        if isinstance(excinfo.value, RecipeFailure):
            self.user_properties.append((EXIT_CODE, excinfo.value.code))
            return in_lines(str(excinfo.value))
        return super().repr_failure(excinfo, *more)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The line of the expectation, and the name of the test."""
        mark: Mark | None = None if self._entry is None else self._entry.key.mark
        name = on_one_line(f"{self.path.stem}: {self.name}")
        return _shown(self.path), 0 if mark is None else mark.line, name

    def _update_golden(self, planned: Plan, result: Result) -> bool:
        """Renew the golden value of this expectation, if it has one and that is requested."""
        if not self.config.getoption("update_golden"):
            return False
        expected = [one for one in planned.expectations.values if one.path.text == self.name]
        if not expected or GOLDEN not in expected[0].checks:
            return False
        path = expected[0].path
        codecs = Codecs(planned.registry.codecs)
        try:
            value = follow(path, result.values[path.root], codecs.opened)
            kind = result.record["device"].partition(":")[0]
            told = update_golden(planned, self.name, value, kind)
        except LookupError:  # nothing is there: the expectation is not met, and says so
            return False
        except FlowrunError as error:
            raise RecipeFailure(f"{expected[0].mark}: {error}", UNMET) from error
        self.user_properties.append((GOLDEN_PROPERTY, told))
        return True

    def _why_nothing(self, error: FlowrunError) -> str:
        """Why the recipe has no result; in full only in the first test that shows it."""
        if self._run.told_at is not None:
            return f"{str(error).partition(chr(10))[0]}\n    as reported for {self._run.told_at}"
        self._run.told_at = self.nodeid
        return f"{error.report}\n{line('run again', self._command())}"

    def _warn(self) -> None:
        """Let pytest show the warnings of the recipe's steps, equal ones only once."""
        for text in self._run.warnings:
            warnings.warn_explicit(RecipeWarning(below(text)), None, "recipes", 1)


class SameBitsItem(RecipeItem):
    """That a recipe gives the same bits, however often it runs."""

    def hold(self, planned: Plan) -> None:
        times = int(self.config.getoption("recipe_flaky"))
        found = repeats(self._run.path, times, self._run.settings)
        told = what_differs(planned, found)
        if told is not None:
            command = command_line(["flowrun", "test", self._run.name, "--flaky", str(times)])
            raise RecipeFailure(f"{told}\n{line('run again', command)}", UNMET)


class AsRecordedItem(RecipeItem):
    """That a recipe gives the outputs in the record of another run, of another machine."""

    def hold(self, planned: Plan) -> None:
        other = other_run(self.config)
        assert other is not None  # no such test is collected without one
        file = Path(self.config.getoption("recipe_against"))
        now = msgspec.convert(self.result().record, RunRecord)
        found = drift_from(other, now, planned, file)
        if found is not None and found.is_near:
            warnings.warn_explicit(RecipeWarning(below(found.text)), None, "recipes", 1)
        elif found is not None:
            raise RecipeFailure(found.text, UNMET)


def other_run(config: pytest.Config) -> RunRecord | None:
    """The record that recipes are compared with; None if there is none."""
    file = config.getoption("recipe_against")
    if file is None:
        return None
    if _OTHER_RUN not in config.stash:
        try:
            config.stash[_OTHER_RUN] = read_record(Path(file))
        except FlowrunError as error:
            raise pytest.UsageError(error.report) from error
    return config.stash[_OTHER_RUN]


def _shown(path: Path) -> Path:
    """A path for pytest's lines, in which a name with control characters has them escaped."""
    return Path(on_one_line(str(path)))


def _skip(reason: str) -> BaseException:
    """An exception that skips a test, shown with the recipe's line, not the line that raises it."""
    return pytest.skip.Exception(below(reason), _use_item_location=True)


def _settings(config: pytest.Config) -> RunSettings:
    return RunSettings(
        device=config.getoption("recipe_device"),
        standin=not config.getoption("recipe_no_standin"),
        fresh=config.getoption("recipe_fresh"),
    )


def _registry(config: pytest.Config) -> Registry:
    """The installed plugins, loaded once a session."""
    if _REGISTRY not in config.stash:
        config.stash[_REGISTRY] = new_registry()
    return config.stash[_REGISTRY]


def _register(config: pytest.Config, tag: str) -> None:
    """Make a tag a marker that `--strict-markers` knows."""
    known = {text.partition(":")[0].partition("(")[0].strip() for text in config.getini("markers")}
    if tag not in known:
        config.addinivalue_line("markers", f"{tag}: a tag of a recipe")

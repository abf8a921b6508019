"""From Python: a recipe planned, checked and run by one call each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from collections.abc import Mapping as AnyMapping
from pathlib import Path
from typing import TYPE_CHECKING

from flowrun import hookspecs
from flowrun.errors import Problem
from flowrun.errors.escaping import below
from flowrun.planning.plan import Plan, make_plan
from flowrun.plugins.registry import Registry
from flowrun.recipes.overrides import Settings
from flowrun.recipes.part import Part
from flowrun.recipes.recipe import Recipe
from flowrun.running.record_writer import RecordWriter
from flowrun.running.results import Listeners, Result
from flowrun.running.runner import execute
from flowrun.store.home import home_folder
from flowrun.store.store import Store

if TYPE_CHECKING:
    from flowrun.checking.checked import Checked


def new_registry() -> Registry:
    """The installed plugins, each loaded and asked for its steps."""
    return Registry.installed(hookspecs)


def plan(
    recipe: str | Path | AnyMapping[str, object] | Recipe,
    *,
    set: Settings = (),
    device: str | None = None,
    seed: int | None = None,
    plugins: tuple[str, ...] = (),
    given: AnyMapping[str, object] | None = None,
    from_: str | None = None,
    until: str | None = None,
    only: str | Sequence[str] = (),
    skip: str | Sequence[str] = (),
    show: Sequence[str] = (),
    registry: Registry | None = None,
) -> Plan:
    """Plan a recipe with the registered steps.

    recipe: a path, a mapping, or the result of `load_recipe`.
    set: settings that change it, as `--set` does.
    device, seed: take the place of the recipe's own.
    plugins: further plugins: paths of .py files (from the current folder) or module names.
    given: values by name that its steps take, as if steps above them had made these: `{"data": X}`.
    from_, until: the first and the last step that run, by their ids; of the steps above the first
        only those whose values are needed are in the plan. only: the only steps that run. skip:
        steps that are left out, as if the recipe did not have them.
    show: values, or expressions over values, that a last step `show` prints.
    registry: the plugins to use; by default every installed one.

    Raises RecipeError with everything that is wrong at once: unknown steps, unknown or ill-typed
    options, missing inputs, given values that no step takes, bad device names. PluginError if one
    of `plugins` cannot be loaded.
    """
    part = Part(from_, until, _as_tuple(only), _as_tuple(skip))
    return make_plan(
        recipe, set=set, device=device, seed=seed, plugins=plugins, given=given, show=show,
        part=None if part.is_whole else part, registry=registry or new_registry(),
        look_ahead=_certain_problems,
    )  # fmt: skip


def _certain_problems(plan: Plan) -> list[Problem]:
    """What a run of a plan is certain to fail with."""
    from flowrun.checking.outlines import outline_problems  # only a recipe that misses a value

    return outline_problems(plan, standin=True)


def _as_tuple(steps: str | Sequence[str]) -> tuple[str, ...]:
    return (steps,) if isinstance(steps, str) else tuple(steps)


def plan_of_run(
    name: str,
    *,
    plugins: tuple[str, ...] = (),
    given: AnyMapping[str, object] | None = None,
    show: Sequence[str] = (),
) -> Plan:
    """The plan of a past run, from the run's record.

    name: the run's id, an unambiguous beginning of it, `last`, or `last~1` for the one before.
    plugins: the plugins of the run that are not installed: paths of .py files or module names. A
        plugin that only the record names is never loaded, because a record may come from a
        stranger.
    given: the values that the run was given; its record does not hold them.
    show: values, or expressions over values, that a last step `show` prints.

    Steps, options, wiring, ids and seeds are those of the run, its settings and arguments
    included, even if the recipe's file has changed since; paths start from the same folders. The
    device is that of the run. The steps' code is today's.

    Raises FlowrunError if there is no such run, if its record has no recipe, or if the run used
    plugins that are neither installed nor given; and what `plan` raises if the recipe no longer
    fits the registered steps.
    """
    from flowrun.history.finding import find_run  # a run needs neither history nor checking
    from flowrun.history.replanning import recipe_of, require_plugins

    found = find_run(name)
    require_plugins(found, plugins)
    return plan(recipe_of(found), plugins=plugins, given=given, show=show)


def check(
    recipe: str | Path | AnyMapping[str, object] | Recipe,
    *,
    set: Settings = (),
    device: str | None = None,
    seed: int | None = None,
    plugins: tuple[str, ...] = (),
    given: AnyMapping[str, object] | None = None,
    from_: str | None = None,
    until: str | None = None,
    only: str | Sequence[str] = (),
    skip: str | Sequence[str] = (),
    standin: bool = True,
    memory: int | None = None,
) -> Checked:
    """Run every step of a recipe on shapes alone, and return the problems found.

    The arguments are those of `run`; the device need not be there. memory: the bytes that the
    recipe's device has; by default those that it does have, if it is there. Nothing is
    computed, written or downloaded. Raises RecipeError and PluginError, as `plan` does.
    """
    from flowrun.checking.check import check_plan

    planned = plan(
        recipe, set=set, device=device, seed=seed, plugins=plugins, given=given, from_=from_,
        until=until, only=only, skip=skip,
    )  # fmt: skip
    return check_plan(planned, standin=standin, memory=memory)


def run(
    recipe: str | Path | AnyMapping[str, object] | Recipe,
    *,
    set: Settings = (),
    device: str | None = None,
    seed: int | None = None,
    plugins: tuple[str, ...] = (),
    given: AnyMapping[str, object] | None = None,
    from_: str | None = None,
    until: str | None = None,
    only: str | Sequence[str] = (),
    skip: str | Sequence[str] = (),
    standin: bool = True,
    record: bool = True,
    fresh: bool = False,
    progress: bool = True,
) -> Result:
    """Run a recipe and give its values, metrics and record. Prints nothing.

    recipe: a path, a mapping with the same keys as a recipe file, or a `Recipe`.
    set: settings that change it: `{"gd_train.lr": 0.1}`, or `["gd_train.lr=0.1"]`.
    device, seed: take the place of the recipe's own.
    plugins: further plugins: paths of .py files or module names.
    given: values by name that its steps take, as if steps above them had made these. They belong to
        the keys of these steps by their content.
    from_, until, only, skip: the steps that run, by their ids, as for `plan`. Values of the steps
        above are taken from the store if they are kept there, and computed if not.
    standin: whether simulated stand-ins may take the place of data that is not available.
    record: whether the run leaves a record, and whether steps are kept and found in the store,
        both in `.flowrun` (or in `FLOWRUN_HOME`). Without it nothing there is read or written.
    fresh: whether every step is called, even with a stored result; not those above `from_` or
        `only`.
    progress: in a notebook, whether the cell shows the steps as they run. Elsewhere nothing does.

    An expectation that is not met raises nothing: look at `result.ok`. Raises RecipeError,
    PluginError, DeviceError or StepError, all of them FlowrunError.
    """
    planned = plan(
        recipe, set=set, device=device, seed=seed, plugins=plugins, given=given, from_=from_,
        until=until, only=only, skip=skip,
    )  # fmt: skip
    return run_plan(planned, standin=standin, record=record, fresh=fresh, progress=progress)


def run_plan(
    planned: Plan,
    *,
    standin: bool = True,
    record: bool = True,
    fresh: bool = False,
    verify: bool = False,
    listeners: Sequence[object] = (),
    warn: Callable[[str], None] | None = None,
    progress: bool = True,
) -> Result:
    """Run a plan with further listeners.

    verify: whether every step is called, and kept results that differ from that are replaced; each
        is a warning of the record.
    warn: called with a sentence about each listener that failed, and about results that could not
        be kept; by default a Python warning.
    progress: in a notebook, whether the cell shows the steps as they run.
    """
    warn = warn or _as_warning
    if progress and "IPython" in sys.modules:
        from flowrun.running.cell import CellDisplay, notebook

        shell = notebook()
        listeners = listeners if shell is None else [*listeners, CellDisplay(shell)]
    store = open_store(warn) if record else None
    try:
        return run_in_store(
            planned, store, listeners, warn, standin=standin, fresh=fresh, verify=verify
        )
    finally:
        if store is not None:
            store.close()


def open_store(warn: Callable[[str], None]) -> Store:
    """The store in `.flowrun` (or in `FLOWRUN_HOME`); to be closed when its run is over."""
    return Store(home_folder(), warn)


def run_in_store(
    planned: Plan,
    store: Store | None,
    listeners: Sequence[object],
    warn: Callable[[str], None],
    *,
    standin: bool,
    fresh: bool,
    verify: bool = False,
    recorded: bool = True,
    begun: float | None = None,
) -> Result:
    """Run a plan with a store that is open; without one nothing is kept.

    recorded: whether the run leaves a record in the store.
    begun: the time by `time.perf_counter` from which the run's seconds count; None: from now.
    """
    writers = [RecordWriter(store)] if store is not None and recorded else []
    extra = [*writers, *listeners]
    with planned.registry.listening(extra):
        heard = Listeners(planned.registry.manager, warn)
        return execute(
            planned, heard, store=store, standin=standin, fresh=fresh, verify=verify, warn=warn,
            begun=begun,
        )  # fmt: skip


def _as_warning(text: str) -> None:
    import warnings

    warnings.warn(below(text), stacklevel=2)

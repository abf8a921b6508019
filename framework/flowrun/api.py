"""Running from Python: one call that plans and runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as AnyMapping
from pathlib import Path

from flowrun.home import home_folder
from flowrun.listeners import Listeners
from flowrun.overrides import Settings
from flowrun.planning import Plan, plan
from flowrun.recipes import Recipe
from flowrun.records import RecordWriter
from flowrun.running.execution import execute
from flowrun.runs import Result
from flowrun.store.store import Store


def run(
    recipe: str | Path | AnyMapping[str, object] | Recipe,
    *,
    set: Settings = (),
    device: str | None = None,
    seed: int | None = None,
    plugins: tuple[str, ...] = (),
    standin: bool = True,
    record: bool = True,
    fresh: bool = False,
) -> Result:
    """Run a recipe and give its values, metrics and record. Prints nothing.

    recipe: a path, a mapping with the same keys as a recipe file, or a `Recipe`.
    set: settings that change it: `{"gd_train.lr": 0.1}`, or `["gd_train.lr=0.1"]`.
    device, seed: take the place of the recipe's own.
    plugins: further plugins: paths of .py files or module names.
    standin: whether simulated stand-ins may take the place of data that cannot be had.
    record: whether the run leaves a record, and whether steps are kept and found in the store,
        both in `.flowrun` (or in `FLOWRUN_HOME`). Without it nothing there is read or written.
    fresh: whether every step is called, whatever the store knows.

    An expectation that is not met raises nothing: look at `result.ok`. Raises RecipeError,
    PluginError, DeviceError or StepError, all of them FlowrunError.
    """
    planned = plan(recipe, set=set, device=device, seed=seed, plugins=plugins)
    return run_plan(planned, standin=standin, record=record, fresh=fresh)


def run_plan(
    planned: Plan,
    *,
    standin: bool = True,
    record: bool = True,
    fresh: bool = False,
    listeners: Sequence[object] = (),
    complain: Callable[[str], None] | None = None,
) -> Result:
    """Run a plan with further listeners.

    complain: is told, in a sentence, of each listener that failed and of what could not be kept;
        by default a Python warning.
    """
    complain = complain or _as_warning
    store = Store(home_folder(), complain) if record else None
    manager = planned.registry.manager
    extra = [*([RecordWriter(store)] if store is not None else []), *listeners]
    for listener in extra:
        manager.register(listener, getattr(listener, "name", type(listener).__name__))
    try:
        heard = Listeners(manager, complain)
        return execute(planned, heard, store=store, standin=standin, fresh=fresh, complain=complain)
    finally:
        for listener in extra:
            manager.unregister(listener)
        if store is not None:
            store.close()


def _as_warning(text: str) -> None:
    import warnings

    warnings.warn(text, stacklevel=2)

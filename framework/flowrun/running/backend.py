"""A backend: a library whose values steps compute with, its devices, and its mode for checks."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowrun.plugins.check_mode import CheckMode
    from flowrun.plugins.process_settings import Setting
    from flowrun.plugins.steps import Step
    from flowrun.running.calling import Call
    from flowrun.running.context import Context


class Backend:
    """The class of the object that `flowrun_backend` returns; a subclass overrides some methods.

    One is made for each registry, before the first run or check; it must be cheap to make.
    """

    def devices(self) -> Mapping[str, str]:
        """The devices of this machine, best first: full names (`cuda:0`, `cpu`) and descriptions.

        Called before a run or a check. The devices of all backends are joined, those of the plugin
        registered last first; `auto` picks the first. An exception ends the run before its first
        step.
        """
        return {}

    def check_mode(self, devices: tuple[str, ...], present: Mapping[str, str]) -> CheckMode | None:
        """The mode in which steps run on shapes alone; None if this backend has none.

        devices: the full names of the devices on which the recipe's steps run, there or not.
        present: those of this machine. Called once for each recipe that is checked, from the
        plugin registered last on, until one returns a mode. An exception ends the check.
        """
        return None

    def around_step(
        self, step: Step[..., Any], ctx: Context, call: Call
    ) -> AbstractContextManager[None]:
        """A context in which a step is called: in a run, and in a check (`call.on_shapes`).

        Before the call it may change `call.inputs`, `call.named` and `call.options`; after it,
        `call.returned`. The context of the plugin registered last is the outermost. An exception in
        it fails the step. The keys of all steps cover its code and the attributes that this object
        has at the beginning of a run; what it looks at counts as what the step looked at.
        """
        return nullcontext()

    def settings(self) -> tuple[Setting, ...]:
        """The settings of the library on which the results of steps may depend.

        Called once, before the first run or check. A step that changes one leaves it as it was
        before, and one that differs from that of a fresh process belongs to the key of every step.
        Of two with the same name, that of the plugin registered last counts. An exception in this
        method, or in a setting's `read` or `shown`, ends the run.
        """
        return ()

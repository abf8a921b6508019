"""The errors flowrun raises. Each one's text is meant to be read by the person who caused it."""

from __future__ import annotations

from collections.abc import Sequence

from flowrun.problems import Problem


class FlowrunError(Exception):
    """Base of every error that flowrun raises on purpose; `str()` gives the whole message."""


class RecipeError(FlowrunError):
    """A recipe that cannot be planned; `problems` holds everything wrong with it at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n\n".join(map(str, self.problems)))


class StepDefinitionError(FlowrunError, TypeError):
    """A function that cannot be a step, found when `@step` meets it."""


class PluginError(FlowrunError):
    """A plugin that cannot be loaded, or two plugins that claim one name."""


class DeviceError(FlowrunError):
    """A device that is not there."""


class DataError(FlowrunError):
    """A file or data set that cannot be had, or is not what it should be."""


class StepError(FlowrunError):
    """A step that failed while running.

    `message` says what happened; the text adds the recipe's line, the step and its inputs. The
    exception of the step's own code, if there was one, is `__cause__`.
    """

    def __init__(self, message: str, *, step: str, report: str) -> None:
        self.message = message
        self.step = step
        super().__init__(report)

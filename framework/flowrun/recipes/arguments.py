"""What changes a recipe before it is planned: the options that commands and tests share."""

from __future__ import annotations

from typing import Any

import msgspec


class RecipeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a command that takes a recipe, as `recipe_options` reads them.

    set: settings, `PATH=VALUE` each. device, seed: in place of the recipe's own. plugins: further
    ones, as `-p` names them. standin: whether stand-ins may replace data that is not available.
    """

    set: tuple[str, ...] = ()
    device: str | None = None
    seed: int | None = None
    plugins: tuple[str, ...] = ()
    standin: bool = True

    @property
    def keywords(self) -> dict[str, Any]:
        """The keywords for `flowrun.plan`; `standin` is one of running and checking."""
        return {
            "set": self.set,
            "device": self.device,
            "seed": self.seed,
            "plugins": self.plugins,
        }

    @property
    def arguments(self) -> list[str]:
        """The arguments that give another process these options; none for a default."""
        arguments = [part for setting in self.set for part in ("--set", setting)]
        arguments += [part for plugin in self.plugins for part in ("--plugin", plugin)]
        arguments += [] if self.device is None else ["--device", self.device]
        arguments += [] if self.seed is None else ["--seed", str(self.seed)]
        return arguments + ([] if self.standin else ["--no-standin"])

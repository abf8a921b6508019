"""How the recipes of one session of pytest are run."""

from __future__ import annotations

import shlex

import msgspec

from flowrun.recipes.arguments import recipe_arguments


class RunSettings(msgspec.Struct, frozen=True):
    """What the options of pytest say of every recipe.

    device, seed: in place of the recipes' own. standin: whether simulated stand-ins may take the
    place of data that cannot be had. fresh: whether every step is called, whatever the store knows.
    """

    device: str | None = None
    standin: bool = True
    fresh: bool = False
    seed: int | None = None

    def command(self, recipe: str, *more: str) -> str:
        """The command that runs a recipe as the test does."""
        options = recipe_arguments(device=self.device, seed=self.seed, standin=self.standin)
        return shlex.join(["flowrun", recipe, *options, *more])

"""How the recipes of one session of pytest are run."""

from __future__ import annotations

from flowrun.errors.escaping import command_line
from flowrun.recipes.overrides import RecipeOptions


class RunSettings(RecipeOptions, frozen=True, kw_only=True):
    """The options of pytest that apply to every recipe.

    fresh: whether every step is called, even with a result in the store.
    """

    fresh: bool = False

    def command(self, recipe: str, *more: str) -> str:
        """The command that runs a recipe as the test does."""
        return command_line(["flowrun", recipe, *self.arguments, *more])

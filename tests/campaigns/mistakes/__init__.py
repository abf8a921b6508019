"""Mistakes people make in recipes, steps and plugins, and the messages they get."""

from tests.campaigns.mistakes import (
    code,
    data,
    plugin_files,
    recipe_file,
    recipe_keys,
    training,
    wiring,
    yaml_text,
)
from tests.campaigns.mistakes.mistake import Mistake

SECTIONS: dict[str, tuple[Mistake, ...]] = {
    "The text of the recipe": yaml_text.MISTAKES,
    "The file of the recipe": recipe_file.MISTAKES,
    "The keys of the recipe": recipe_keys.MISTAKES,
    "Steps, options and wiring": wiring.MISTAKES,
    "Data": data.MISTAKES,
    "Splitting and training": training.MISTAKES,
    "Steps of your own": code.MISTAKES,
    "Plugins": plugin_files.MISTAKES,
}
MISTAKES = tuple(mistake for section in SECTIONS.values() for mistake in section)

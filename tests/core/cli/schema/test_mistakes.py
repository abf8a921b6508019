"""The table of mistakes: the schema refuses those that a schema can express, and why not the rest.

A mistake that is in none of the groups below must be refused; one that is must not be. So a new
mistake, or a schema that comes to say more, fails here until it is put where it belongs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.campaigns.mistakes import MISTAKES
from tests.campaigns.mistakes.mistake import Mistake
from tests.core.cli.schema.conftest import SchemaCommand, document

# A schema is held against what YAML reads, and the reader refuses these before.
NO_DOCUMENT = {
    "A tab for indentation",
    "A brace that is not closed",
    "A quotation mark that is not closed",
    "No space after a colon",
    "No space after a dash",
    "A step that stands one column too far to the right",
    "A key that stands one column too far to the right",
    "An alias of nothing",
    "A reference without quotes inside braces",
    "A colon inside a text",
    "A Windows path in double quotes",
    "A no-break space for indentation",
    "A value that begins with @",
    "Two documents in one file",
    "An empty file",
    "Aliases that grow into billions of values",
    "Lists nested a hundred deep",
    "A table of data pasted into the recipe",
    "A file that is not UTF-8",
    "A data file given in place of a recipe",
    "A file of steps given in place of a recipe",
    "An address given in place of a recipe",
    "A folder given in place of a recipe",
    "A recipe that is not there",
    "A misspelt command",
}
INEXPRESSIBLE = {
    "keys are unique and strings, and `<<` is none, once YAML has made a mapping of them": {
        "A key given twice",
        "An option given twice",
        "An input renamed twice",
        "A merge key",
        "A key that is a number",
    },
    "a schema does not see the file's size": {"A file of more than 1 MiB"},
    "a schema does not compare two values of a document": {
        "`between` with the upper bound first",
        "An `id` given to two steps",
        "Two outputs with one name",
    },
    "a reference is followed only when the recipe is read": {
        "Variables that refer to each other",
        "An unknown variable",
        "A list put into the middle of a text",
        "A reference that is not closed",
        "A variable of the environment as in a shell",
        "A variable of the environment that is not set",
    },
    "which values the steps above give depends on their order and options": {
        "Something expected of a value that no step gives",
        "Steps in the wrong order",
        "A step left out",
        "An input taken from a misspelt value",
    },
    "it lies in another file": {
        "`extends` of a file that is not there",
        "Two recipes that extend each other",
        "A plugin file that is not there",
        "A plugin file without `./` or `.py`",
    },
    "it lies in the command, not in the recipe": {
        "`--set` of a step that is not there",
        "`--set` of a misspelt option",
        "`--set` without an equals sign",
        "`--set` with a space for the equals sign",
        "A misspelt flag",
        "A seed on the command line that is no number",
        "A plugin that is not installed",
    },
    "it lies in the machine": {"`cuda` on a machine without it"},
    "it lies in the data, or in what a step makes of it": {
        "A data file that is not there",
        "A misspelt data set",
        "A word in a column of numbers",
        "An empty cell",
        "A cell that is not a number but nan",
        "Decimal commas in a table",
        "Rows of different lengths",
        "An empty table",
        "A table of names and no rows",
        "A file of pickled objects",
        "A tensor file cut short",
        "A file of an unknown kind",
        "A file without a suffix",
        "An http address",
        "An https address without its checksum",
        "A changed copy in FLOWRUN_DATA_PATH",
        "`--no-standin` where the data is not available",
        "A saved folder loaded without `values`",
        "A folder in which nothing was saved",
        "Saving to a place where a file stands",
        "Saving a value that is neither tensor nor JSON",
        "More training rows than the table has",
        "A target column that is not there",
        "A target by name in a table without names",
        "Layers that end in the wrong width",
        "Targets of one dimension",
        "A learning rate so large that the loss diverges",
        "A batch larger than the table",
        "Predicting from rows that still hold the target",
    },
    "it lies in the code of a plugin": {
        "`@step` without its parentheses",
        "`@step()` without outputs",
        "Fewer values returned than outputs named",
        "A `return` left out",
        "A value returned by a step without outputs",
        "A step with `*args`",
        "`ctx` before the `*`",
        "An option whose type is not imported",
        "An option of a type that YAML cannot give",
        "An option without a `*` before it",
        "An exception in a step",
        "An exception with a very long message",
        "Tensors whose shapes do not fit",
        "An output whose name Python does not allow",
        "A plugin with a syntax error",
        "A plugin that raises when it is imported",
        "A plugin that imports what is not installed",
        "Two plugins that give a step of one name",
        "A relative import outside a package",
        "A misspelt hook",
        "A hook with an argument it does not have",
        "`flowrun_steps` that gives plain functions",
        "`flowrun_steps` without its `return`",
        "A listener that raises",
        "A file format without a suffix",
        "A format's suffix without its dot",
    },
}
ACCEPTED = set().union(*INEXPRESSIBLE.values())
# With `flowrun schema recipe.yaml`, which loads the recipe's own steps, these are refused too.
REFUSED_WITH_ITS_STEPS = (
    "An option of a type that YAML cannot give",
    "An option without a `*` before it",
)
BY_TITLE = {mistake.title: mistake for mistake in MISTAKES}


def recipe_of(mistake: Mistake) -> object:
    """What YAML reads of a mistake's recipe; None where there is nothing to read."""
    text = mistake.all_files.get("recipe.yaml")
    return document(text) if isinstance(text, str) else None


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_a_mistake_that_a_schema_can_express_is_refused(
    mistake: Mistake, problems: Callable[[object], list[str]]
) -> None:
    recipe = recipe_of(mistake)
    assert (recipe is None) == (mistake.title in NO_DOCUMENT)
    if recipe is not None:
        found = problems(recipe)
        assert bool(found) != (mistake.title in ACCEPTED), found


def test_every_mistake_that_is_not_refused_is_in_the_table_and_has_one_reason() -> None:
    listed = [title for titles in (NO_DOCUMENT, *INEXPRESSIBLE.values()) for title in titles]
    assert sorted(listed) == sorted(set(listed))
    assert set(listed) <= set(BY_TITLE)


def test_enough_mistakes_are_refused() -> None:
    assert len(MISTAKES) - len(NO_DOCUMENT) - len(ACCEPTED) >= 40


@pytest.mark.parametrize("title", REFUSED_WITH_ITS_STEPS)
def test_a_mistake_in_the_use_of_ones_own_step_is_refused_by_a_schema_that_has_it(
    title: str, schema_command: SchemaCommand, write: Callable[[str, str], Path]
) -> None:
    mistake = BY_TITLE[title]
    for name, content in mistake.all_files.items():
        write(name, str(content))
    done = schema_command("recipe.yaml")
    assert done.returncode == 0, done.stderr
    assert not Draft202012Validator(json.loads(done.stdout)).is_valid(recipe_of(mistake))

"""Mistakes in the file of a recipe as a whole: what it is, how large, how deep."""

from tests.campaigns.mistakes.mistake import Mistake

_BOMB = (
    "recipe: demo\nvars:\n  a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n"
    + "".join(
        f"  a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
    )
    + "steps:\n  - shuffle\n"
)
_DEEP = f"recipe: demo\nvars: {{deep: {'[' * 100}{']' * 100}}}\nsteps:\n  - shuffle\n"
_MANY = f"recipe: demo\nvars:\n  rows: [{', '.join(['7.4'] * 120_000)}]\nsteps:\n  - shuffle\n"
_LARGE = "recipe: demo\nsteps:\n  - shuffle\n" + "# a line of notes on the data\n" * 40_000

BOMBS = {"aliases": _BOMB, "depth": _DEEP, "nodes": _MANY, "size": _LARGE}

MISTAKES = (
    Mistake(
        title="Two documents in one file",
        recipe="""
            recipe: one
            steps:
              - load: {source: wine-red}
            ---
            recipe: two
            steps:
              - load: {source: wine-white}
        """,
        says=("recipe.yaml:4:1: ", "one document", "second", "a file of its own"),
    ),
    Mistake(
        title="An empty file",
        recipe="",
        says=("recipe.yaml: the recipe is empty", "`recipe: name`", "`steps:`"),
    ),
    Mistake(
        title="A list of steps and nothing else",
        recipe="""
            - load: {source: wine-red}
            - shuffle
        """,
        says=("recipe.yaml:1:1: ", "a list of 2", "a recipe is a mapping", "`steps:`"),
    ),
    Mistake(
        title="A file that is not UTF-8",
        recipe="recipe: demo\nabout: R\u00e9gression sur le vin\n".encode("latin-1"),
        shown="recipe: demo\nabout: R\\xe9gression sur le vin\n",
        says=("recipe.yaml:2:9: not UTF-8", "0xe9", "save the file as UTF-8"),
    ),
    Mistake(
        title="A data file given in place of a recipe",
        files={"wine.pt": b"PK\x03\x04\x00\x00\x08\x08\x00\x00" + bytes(20)},
        arguments=("wine.pt",),
        shown="(a file that torch.save wrote)\n",
        says=("wine.pt:1: ", "not a recipe", "0x03"),
    ),
    Mistake(
        title="A file of steps given in place of a recipe",
        files={"my_steps.py": "from flowrun import step\n"},
        arguments=("my_steps.py",),
        says=("my_steps.py is Python code", "`plugins: [./my_steps.py]`"),
    ),
    Mistake(
        title="An address given in place of a recipe",
        arguments=("https://example.org/recipe.yaml",),
        says=("is an address", "a file on this machine", "curl -L -o recipe.yaml https://"),
    ),
    Mistake(
        title="A folder given in place of a recipe",
        files={"recipes/demo.yaml": "recipe: demo\nsteps:\n  - load: {source: wine-red}\n"},
        arguments=("recipes",),
        says=("recipes is a folder", "recipes/demo.yaml"),
    ),
    Mistake(
        title="A file of more than 1 MiB",
        recipe=_LARGE,
        shown="# 40,000 lines of notes\n",
        says=("recipe.yaml: a recipe is at most 1 MiB", "larger", "a file of its own"),
    ),
    Mistake(
        title="Aliases that grow into billions of values",
        recipe=_BOMB,
        shown=_BOMB[:110] + "...\n",
        says=("recipe.yaml:7:", "more than 100,000 nodes", "aliases expanded"),
    ),
    Mistake(
        title="Lists nested a hundred deep",
        recipe=_DEEP,
        shown=f"vars: {{deep: {'[' * 70}...\n",
        says=("recipe.yaml:2:76: ", "nested deeper than 64 levels", "a file of its own"),
    ),
    Mistake(
        title="A table of data pasted into the recipe",
        recipe=_MANY,
        shown="vars:\n  rows: [7.4, 7.4, 7.4, and 119,997 more]\n",
        says=("recipe.yaml:3:", "more than 100,000 nodes", "move data into a file of its own"),
    ),
)

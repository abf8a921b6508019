"""Mistakes in the steps of a recipe: their names, their options, and what flows between them."""

from tests.campaigns.mistakes.mistake import Mistake


def _after_load(*lines: str) -> str:
    return "\n".join(
        ["recipe: demo", "steps:", "  - load: {source: wine-red}", *(f"  {line}" for line in lines)]
    )


MISTAKES = (
    Mistake(
        title="A misspelt step",
        recipe=_after_load("- split: {train: 1000}", "- normalize", "- gd_trian: {lr: 0.01}"),
        says=("recipe.yaml:6:5: there is no step `gd_trian`", "did you mean `gd_train`?"),
    ),
    Mistake(
        title="A step of your own without its file",
        recipe=_after_load("- clip_outliers: {limit: 3}"),
        says=("recipe.yaml:4:5: there is no step `clip_outliers`", "`plugins: [./file.py]`"),
    ),
    Mistake(
        title="Steps in the wrong order",
        recipe=_after_load(
            "- split: {train: 1000}", "- gd_train: {lr: 0.01}", "- init_params: {layers: [1]}"
        ),
        says=(
            "recipe.yaml:5:5: gd_train needs `params`",
            "`init_params`",
            "put one above this step",
        ),
    ),
    Mistake(
        title="A step left out",
        recipe=_after_load("- shuffle", "- normalize"),
        says=("recipe.yaml:5:5: normalize needs `X_train`", "`split`", "put one above this step"),
    ),
    Mistake(
        title="An input taken from a misspelt value",
        recipe="""
            recipe: demo
            steps:
              - load: {source: wine-red}
                out: {data: red}
              - shuffle:
                in: {data: rad}
        """,
        says=("recipe.yaml:6:16: ", "`rad` (for its input `data`)", "did you mean `red`?"),
    ),
    Mistake(
        title="`in:` with a misspelt input",
        recipe=_after_load("- shuffle:", "  in: {date: data}"),
        says=("recipe.yaml:5:10: shuffle has no input `date`", "did you mean `data`?"),
    ),
    Mistake(
        title="`in:` with a name alone",
        recipe=_after_load("- shuffle:", "  in: data"),
        says=("recipe.yaml:5:9: `in` is a mapping", "`data` (a string)", "{data: "),
    ),
    Mistake(
        title="Two outputs with one name",
        recipe=_after_load("- split: {train: 1000}", "  out: {X_train: X, X_val: X}"),
        says=("recipe.yaml:5:30: split would give two outputs the name `X`", "another"),
    ),
    Mistake(
        title="An input written as an option",
        recipe=_after_load("- shuffle: {data: red}"),
        says=("recipe.yaml:4:15: shuffle has no option `data`", "is an input", "`in: {data: "),
    ),
    Mistake(
        title="A required option left out",
        recipe=_after_load("- split: {targets: 1}"),
        says=("recipe.yaml:4:5: split needs the option `train`", "Rows to train on"),
    ),
    Mistake(
        title="A misspelt option",
        recipe=_after_load("- split: {train: 1000, target: 1}"),
        says=("recipe.yaml:4:26: split has no option `target`", "did you mean `targets`?"),
    ),
    Mistake(
        title="An option of another step",
        recipe=_after_load("- split: {train: 1000, lr: 0.1}"),
        says=("recipe.yaml:4:26: split has no option `lr`", "one of: train, targets"),
    ),
    Mistake(
        title="An option given to a step that has none",
        recipe=_after_load("- shuffle: {seed: 1}"),
        says=("recipe.yaml:4:15: shuffle has no option `seed`", "no options"),
    ),
    Mistake(
        title="A word where a number is expected",
        recipe=_after_load("- split: {train: most}"),
        says=("recipe.yaml:4:20: ", "`most` (a string)", "a whole number >= 1 or a number > 0"),
    ),
    Mistake(
        title="A number out of bounds",
        recipe=_after_load(
            "- split: {train: 1000}", "- init_params: {layers: [1]}", "- gd_train: {lr: -0.01}"
        ),
        says=("recipe.yaml:6:20: ", "`lr` does not fit", "`-0.01`", "a number > 0"),
    ),
    Mistake(
        title="A percentage for a fraction",
        recipe=_after_load("- split: {train: 80%}"),
        says=("recipe.yaml:4:20: ", "`80%`", "0.8"),
    ),
    Mistake(
        title="An unknown choice",
        recipe=_after_load("- split: {train: 1000}", "- init_params: {layers: [1], init: xaviar}"),
        says=("recipe.yaml:5:38: ", "`xaviar`", "kaiming, randn, xavier", "mean `xavier`?"),
    ),
    Mistake(
        title="One layer without its brackets",
        recipe=_after_load("- split: {train: 1000}", "- init_params: {layers: 1}"),
        says=("recipe.yaml:5:27: ", "`1` (a whole number)", "a list", "[1]"),
    ),
    Mistake(
        title="A word among the layers",
        recipe=_after_load("- split: {train: 1000}", "- init_params: {layers: [64, one]}"),
        says=("recipe.yaml:5:32: ", "`layers`", "`one` (a string)", "a whole number"),
    ),
    Mistake(
        title="An option's value in place of its name",
        recipe=_after_load("- split: 1000"),
        says=("recipe.yaml:4:12: ", "options of split", "`1000`", "`split: {train: 1000}`"),
    ),
    Mistake(
        title="A step's options without a colon before them",
        recipe="""
            recipe: demo
            steps:
              - load {source: wine-red}
        """,
        says=("recipe.yaml:3:5: ", "lacks a colon", "write `- load: {source: wine-red}`"),
    ),
    Mistake(
        title="A hyphen for an underscore",
        recipe=_after_load("- split: {train: 1000}", "- init-params: {layers: [1]}"),
        says=("recipe.yaml:5:5: there is no step `init-params`", "did you mean `init_params`?"),
    ),
    Mistake(
        title="Several mistakes at once",
        recipe="""
            recipe: demo
            devise: cpu
            steps:
              - load: {sorce: wine-red}
              - split: {train: 0}
        """,
        says=("recipe.yaml:2:1: ", "recipe.yaml:4:12: ", "recipe.yaml:5:20: ", "problems"),
    ),
)

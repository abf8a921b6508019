"""Mistakes in the keys of a recipe, in `vars` and `expect`, and on the command line."""

from tests.campaigns.mistakes.mistake import Mistake

_WORKS = """
    recipe: demo
    seed: 0
    vars: {rows: 1000}
    steps:
      - load: {source: wine-red}
      - split: {train: "${rows}"}
      - normalize
    expect:
      mean[0]: {above: 0}
"""


def _expecting(line: str) -> str:
    return f"""
        recipe: demo
        steps:
          - bench: {{measure: add, n: 10}}
        expect:
          {line}
    """


MISTAKES = (
    Mistake(
        title="`step:` for `steps:`",
        recipe="""
            recipe: demo
            step:
              - load: {source: wine-red}
        """,
        says=("recipe.yaml:2:1: `step` is not a key of a recipe", "did you mean `steps`?"),
    ),
    Mistake(
        title="`devices:` for `device:`",
        recipe="""
            recipe: demo
            devices: [cpu]
            steps:
              - load: {source: wine-red}
        """,
        says=("recipe.yaml:2:1: `devices` is not a key of a recipe", "did you mean `device`?"),
    ),
    Mistake(
        title="No name",
        recipe="""
            steps:
              - load: {source: wine-red}
        """,
        says=("recipe.yaml:1:1: the recipe has no name", "`recipe: recipe`"),
    ),
    Mistake(
        title="No steps",
        recipe="""
            recipe: demo
            seed: 0
        """,
        says=("recipe.yaml:1:1: the recipe has no steps", "`steps:`", "- name: {option: value}"),
    ),
    Mistake(
        title="`steps:` with nothing below it",
        recipe="""
            recipe: demo
            steps:
        """,
        says=("recipe.yaml:2:", "`steps` is a list", "nothing", "- name: {option: value}"),
    ),
    Mistake(
        title="Steps without dashes",
        recipe="""
            recipe: demo
            steps:
              load: {source: wine-red}
              shuffle:
        """,
        says=("recipe.yaml:3:3: `steps` is a list", "mapping with load, shuffle", "`- name:"),
    ),
    Mistake(
        title="Two steps under one dash",
        recipe="""
            recipe: demo
            steps:
              - load: {source: wine-red}
                shuffle:
        """,
        says=("recipe.yaml:4:5: ", "2 names: load, shuffle", "a dash of its own: `- shuffle: ...`"),
    ),
    Mistake(
        title="Options beside the step's name",
        recipe="""
            recipe: demo
            steps:
              - load: {source: wine-red}
              - split:
                train: 1000
                targets: 1
        """,
        says=("recipe.yaml:5:5: ", "3 names: split, train, targets", "`- split: {train: "),
    ),
    Mistake(
        title="A negative seed",
        recipe="""
            recipe: demo
            seed: -1
            steps:
              - load: {source: wine-red}
        """,
        says=("recipe.yaml:2:7: `seed` does not fit", "`-1`", "a whole number from 0 to"),
    ),
    Mistake(
        title="The device `gpu`",
        recipe="""
            recipe: demo
            device: gpu
            steps:
              - load: {source: wine-red}
        """,
        says=("recipe.yaml:2:9: ", "`gpu`", "cuda:N", "did you mean `cuda`?"),
    ),
    Mistake(
        title="The dtype `float`",
        recipe="""
            recipe: demo
            dtype: float
            steps:
              - load: {source: wine-red}
        """,
        says=("recipe.yaml:2:8: ", "`float`", "float32", "did you mean `float32`?"),
    ),
    Mistake(
        title="`cuda` on a machine without it",
        recipe="""
            recipe: demo
            device: cuda
            steps:
              - load: {source: wine-red}
        """,
        environment={"CUDA_VISIBLE_DEVICES": ""},
        says=("recipe.yaml:2:9: ", "`cuda` is not there", "machine has: cpu", "`auto`"),
    ),
    Mistake(
        title="Something expected of a value that no step gives",
        recipe=_expecting("timing.ratio: {above: 2}"),
        says=("recipe.yaml:5:3: no step gives `timing`", "timings", "did you mean `timings`?"),
    ),
    Mistake(
        title="An unknown check",
        recipe=_expecting("timings.ratio: {over: 2}"),
        says=("recipe.yaml:5:19: `over` is not a check", "below, above, between, equals"),
    ),
    Mistake(
        title="A number where a check is expected",
        recipe=_expecting("timings.n: 10"),
        says=(
            "recipe.yaml:5:14: ",
            "expectation of `timings.n`",
            "`10` (a whole number)",
            "a mapping",
            "`{equals: 10}`",
        ),
    ),
    Mistake(
        title="`between` with the upper bound first",
        recipe=_expecting("timings.n: {between: [20, 10]}"),
        says=("recipe.yaml:5:24: `between` does not fit", "[20, 10]", "the lower one first"),
    ),
    Mistake(
        title="`extends` of a file that is not there",
        recipe="""
            recipe: demo
            extends: bace.yaml
        """,
        files={"base.yaml": _WORKS},
        says=("recipe.yaml:2:10: ", "~/project/bace.yaml", "did you mean `base.yaml`?"),
    ),
    Mistake(
        title="Two recipes that extend each other",
        recipe="""
            recipe: demo
            extends: other.yaml
        """,
        files={"other.yaml": "recipe: other\nextends: recipe.yaml\n"},
        says=("other.yaml:2:10: ", "circle", "recipe.yaml -> other.yaml -> recipe.yaml"),
    ),
    Mistake(
        title="Variables that refer to each other",
        recipe="""
            recipe: demo
            vars:
              rows: ${train}
              train: ${rows}
            steps:
              - load: {source: wine-red}
              - split: {train: "${train}"}
        """,
        says=("recipe.yaml:4:10: ", "circle: rows -> train -> rows"),
    ),
    Mistake(
        title="An unknown variable",
        recipe="""
            recipe: demo
            vars: {train_rows: 1000}
            steps:
              - load: {source: wine-red}
              - split: {train: "${train_row}"}
        """,
        says=("recipe.yaml:5:21: ", "`${train_row}`", "did you mean `train_rows`?"),
    ),
    Mistake(
        title="A variable of the environment as in a shell",
        recipe="""
            recipe: demo
            steps:
              - load: {source: "${WINES}/red.csv"}
        """,
        environment={"WINES": "/data"},
        says=("recipe.yaml:3:21: ", "`WINES`", "write `${env:WINES}`"),
    ),
    Mistake(
        title="A variable of the environment that is not set",
        recipe="""
            recipe: demo
            steps:
              - load: {source: "${env:WINE_FOLDER_X}/red.csv"}
        """,
        says=("recipe.yaml:3:21: ", "`WINE_FOLDER_X` is not set", "${env:WINE_FOLDER_X:-value}"),
    ),
    Mistake(
        title="A list put into the middle of a text",
        recipe="""
            recipe: demo
            vars: {layers: [64, 1]}
            steps:
              - load: {source: "wine-${layers}.csv"}
        """,
        says=("recipe.yaml:4:26: ", "`${layers}`", "a list of 2", "a single value"),
    ),
    Mistake(
        title="A reference that is not closed",
        recipe="""
            recipe: demo
            vars: {colour: red}
            steps:
              - load: {source: "wine-${colour"}
        """,
        says=("recipe.yaml:4:26: `${` without its `}`", "end the reference with `}`"),
    ),
    Mistake(
        title="An `id` given to two steps",
        recipe="""
            recipe: demo
            steps:
              - load: {source: wine-red}
                id: wine
              - load: {source: wine-white}
                id: wine
        """,
        says=("recipe.yaml:6:9: the id `wine` is taken", "line 3", "another"),
    ),
    Mistake(
        title="`--set` of a step that is not there",
        recipe=_WORKS,
        arguments=("recipe.yaml", "--set", "splt.train=500"),
        says=("--set splt.train=500", "no `splt.train` to set", "did you mean `split.train`?"),
    ),
    Mistake(
        title="`--set` of a misspelt option",
        recipe=_WORKS,
        arguments=("recipe.yaml", "--set", "split.trian=500"),
        says=("--set split.trian=500", "no option `trian`", "did you mean `train`?"),
    ),
    Mistake(
        title="`--set` without an equals sign",
        recipe=_WORKS,
        arguments=("recipe.yaml", "--set", "seed"),
        says=("a setting is written PATH=VALUE", "`seed`", "`--set seed=...`"),
    ),
    Mistake(
        title="`--set` with a space for the equals sign",
        recipe=_WORKS,
        arguments=("recipe.yaml", "--set", "seed", "7"),
        says=("a setting is written PATH=VALUE", "`seed`", "without spaces: `--set seed=...`"),
    ),
    Mistake(
        title="A recipe that is not there",
        files={"red_linear.yaml": _WORKS},
        arguments=("red_liner.yaml",),
        says=("there is no file `red_liner.yaml`", "did you mean `red_linear.yaml`?"),
    ),
    Mistake(
        title="A misspelt command",
        arguments=("step",),
        says=("`step`", "did you mean `steps`?"),
    ),
    Mistake(
        title="A misspelt flag",
        recipe=_WORKS,
        arguments=("recipe.yaml", "--sed", "7"),
        says=("--sed", "--seed"),
    ),
    Mistake(
        title="A seed on the command line that is no number",
        recipe=_WORKS,
        arguments=("recipe.yaml", "--seed", "one"),
        says=("--seed", "'one' is not a valid integer"),
    ),
)

"""Mistakes in the text of a recipe: what YAML does not allow, or reads otherwise than meant."""

from tests.campaigns.mistakes.mistake import Mistake

MISTAKES = (
    Mistake(
        title="A tab for indentation",
        recipe="recipe: demo\nsteps:\n\t- load: {source: wine-red}\n",
        says=("recipe.yaml:3:1: ", "  3 | ", "indented with spaces; this line holds a tab"),
    ),
    Mistake(
        title="A brace that is not closed",
        recipe="""
            recipe: demo
            steps:
              - split: {train: 1000
              - normalize
        """,
        says=("recipe.yaml:3:12: ", "split: {train: 1000", "`{`", "`}`"),
    ),
    Mistake(
        title="A quotation mark that is not closed",
        recipe="""
            recipe: demo
            steps:
              - load: {source: "wine-red}
              - shuffle
        """,
        says=("recipe.yaml:3:20: ", 'source: "wine-red', "quotation mark", "not closed"),
    ),
    Mistake(
        title="No space after a colon",
        recipe="""
            recipe: demo
            seed:7
            steps:
              - shuffle
        """,
        says=("recipe.yaml:2:1: ", "  2 | seed:7", "a space after the colon"),
    ),
    Mistake(
        title="No space after a colon inside braces",
        recipe="""
            recipe: demo
            steps:
              - load: {source: wine-red}
              - split: {train:1000}
        """,
        says=("recipe.yaml:4:13: ", "no option `train:1000`", "write `train: 1000`"),
    ),
    Mistake(
        title="No space after a dash",
        recipe="""
            recipe: demo
            steps:
              -load: {source: wine-red}
              -shuffle
        """,
        says=("recipe.yaml:4:3: ", "  4 |   -shuffle", "a space after the dash: `- shuffle`"),
    ),
    Mistake(
        title="No space after any dash",
        recipe="""
            recipe: demo
            steps:
              -load: {source: wine-red}
              -split: {train: 1000}
        """,
        says=(
            "recipe.yaml:3:3: `steps` is a list",
            "a mapping with -load, -split",
            "a space after the dash: `- load: ...`",
        ),
    ),
    Mistake(
        title="A step that stands one column too far to the right",
        recipe="""
            recipe: demo
            steps:
              - load:
                  source: wine-red
               - shuffle
        """,
        says=("recipe.yaml:5:4: ", "  5 |    - shuffle", "indented as those above"),
    ),
    Mistake(
        title="A key that stands one column too far to the right",
        recipe="""
            recipe: demo
            about: Red wine
             seed: 0
            steps:
              - load: {source: wine-red}
        """,
        says=("recipe.yaml:3:6: ", "  3 |  seed: 0", "indented wrongly"),
    ),
    Mistake(
        title="A key given twice",
        recipe="""
            recipe: demo
            seed: 0
            seed: 1
            steps:
              - load: {source: wine-red}
        """,
        says=("recipe.yaml:3:1: ", "`seed` is given twice", "on line 2 already", "keep one"),
    ),
    Mistake(
        title="An option given twice",
        recipe="""
            recipe: demo
            steps:
              - load: {source: wine-red, source: wine-white}
        """,
        says=("recipe.yaml:3:30: ", "`source` is given twice", "line 3 already", "keep one"),
    ),
    Mistake(
        title="An input renamed twice",
        recipe="""
            recipe: demo
            steps:
              - load: {source: wine-red}
                out: {data: red}
              - shuffle:
                in: {data: red, data: white}
        """,
        says=("recipe.yaml:6:21: ", "`data` is given twice", "line 6 already", "keep one"),
    ),
    Mistake(
        title="A tag that would run Python",
        recipe="""
            recipe: demo
            steps:
              - load: {source: !!python/object/apply:os.system ["touch was_run"]}
        """,
        says=(
            "recipe.yaml:3:20: tags are not part",
            "`!!python/object/apply:os.system`",
            "never constructs Python objects",
        ),
    ),
    Mistake(
        title="A merge key",
        recipe="""
            recipe: demo
            vars:
              usual: &usual {targets: 1}
            steps:
              - load: {source: wine-red}
              - split: {<<: *usual, train: 1000}
        """,
        says=("recipe.yaml:6:13: ", "`<<`", "merge keys are not part of YAML 1.2", "`vars`"),
    ),
    Mistake(
        title="An alias of nothing",
        recipe="""
            recipe: demo
            steps:
              - load: *wine
        """,
        says=("recipe.yaml:3:11: `*wine`", "`&wine`", "above"),
    ),
    Mistake(
        title="A key that is a number",
        recipe="""
            recipe: demo
            vars:
              1: first
            steps:
              - load: {source: wine-red}
        """,
        says=("recipe.yaml:3:3: a key must be a string", "`1`", "quotes: '1'"),
    ),
    Mistake(
        title="`yes` for `true`",
        recipe="""
            recipe: demo
            steps:
              - load: {source: wine.csv, header: yes}
        """,
        says=("recipe.yaml:3:38: ", "`yes` (a string)", "true or false", "write `true`"),
    ),
    Mistake(
        title="`1_000` for a number",
        recipe="""
            recipe: demo
            steps:
              - load: {source: wine-red}
              - split: {train: 1_000}
        """,
        says=("recipe.yaml:4:20: ", "`1_000` (a string)", "a whole number", "write 1000"),
    ),
    Mistake(
        title="A number in quotes",
        recipe="""
            recipe: demo
            steps:
              - load: {source: wine-red}
              - split: {train: "1000"}
        """,
        says=("recipe.yaml:4:20: ", "`1000` (a string)", "a whole number", "without quotes"),
    ),
    Mistake(
        title="A decimal comma",
        recipe="""
            recipe: demo
            steps:
              - load: {source: wine-red}
              - split:
                  train: 0,8
        """,
        says=("recipe.yaml:5:14: ", "`0,8` (a string)", "a number > 0", "write 0.8"),
    ),
    Mistake(
        title="A decimal comma inside braces",
        recipe="""
            recipe: demo
            steps:
              - load: {source: wine-red}
              - split: {train: 0,8}
        """,
        says=("recipe.yaml:4:22: ", "`8`", "a comma ends the value before it", "write 0.8"),
    ),
    Mistake(
        title="A reference without quotes inside braces",
        recipe="""
            recipe: demo
            vars: {rows: 1000}
            steps:
              - load: {source: wine-red}
              - split: {train: ${rows}}
        """,
        says=("recipe.yaml:5:", "split: {train: ${rows}}", 'in quotes: "${rows}"'),
    ),
    Mistake(
        title="A colon inside a text",
        recipe="""
            recipe: demo
            about: Red wine: eleven readings and a score
            steps:
              - load: {source: wine-red}
        """,
        says=("recipe.yaml:2:16: ", "a colon and a space inside a text need quotes"),
    ),
    Mistake(
        title="A Windows path in double quotes",
        recipe=r"""
            recipe: demo
            steps:
              - load: {source: "C:\data\wine.csv"}
        """,
        says=("recipe.yaml:3:", "backslash", "single quotes"),
    ),
    Mistake(
        title="Curly quotes from a web page",
        recipe="""
            recipe: demo
            steps:
              - load: {source: wine-red}
              - split: {train: \u201c1000\u201d}
        """,
        says=("recipe.yaml:4:20: ", "\u201c1000\u201d", "straight"),
    ),
    Mistake(
        title="A no-break space for indentation",
        recipe="recipe: demo\nsteps:\n\u00a0\u00a0- load: {source: wine-red}\n",
        says=("recipe.yaml:3:1: ", "no-break space", "ordinary spaces"),
    ),
    Mistake(
        title="A value that begins with @",
        recipe="""
            recipe: @demo
            steps:
              - load: {source: wine-red}
        """,
        says=("recipe.yaml:1:9: ", "`@`", "quotes"),
    ),
)

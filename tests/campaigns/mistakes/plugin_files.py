"""Mistakes in plugins: files that do not load, hooks that do not exist, names given twice."""

from tests.campaigns.mistakes.mistake import STEP_FAILED, Mistake

_RECIPE = """
    recipe: demo
    plugins: [./my_steps.py]
    steps:
      - double
"""
_DOUBLE = """
from flowrun import hookimpl, step


@step(outputs="total")
def double() -> int:
    return 42
"""


MISTAKES = (
    Mistake(
        title="A plugin file that is not there",
        recipe="""
            recipe: demo
            plugins: [./mysteps.py]
            steps:
              - double
        """,
        files={"my_steps.py": _DOUBLE},
        says=("recipe.yaml:2:11: ", "mysteps.py is not there", "did you mean `./my_steps.py`?"),
    ),
    Mistake(
        title="A plugin with a syntax error",
        recipe=_RECIPE,
        files={"my_steps.py": "from flowrun import step\n\n\ndef double()\n    return 2\n"},
        says=("recipe.yaml:2:11: ", "SyntaxError: expected ':' (my_steps.py:4)"),
    ),
    Mistake(
        title="A plugin that raises when it is imported",
        recipe=_RECIPE,
        files={"my_steps.py": f'{_DOUBLE}\n\nLIMIT = int("many")\n'},
        says=("recipe.yaml:2:11: ", "ValueError: invalid literal", "'many' (my_steps.py:9)"),
    ),
    Mistake(
        title="A plugin that imports what is not installed",
        recipe=_RECIPE,
        files={"my_steps.py": f"import wine_tools\n{_DOUBLE}"},
        says=("recipe.yaml:2:11: ", "No module named 'wine_tools' (my_steps.py:1)", "pip install"),
    ),
    Mistake(
        title="Two plugins that give a step of one name",
        recipe="""
            recipe: demo
            plugins: [./my_steps.py, ./your_steps.py]
            steps:
              - double
        """,
        files={"my_steps.py": _DOUBLE, "your_steps.py": _DOUBLE},
        says=(
            "recipe.yaml:4:5: the step `double` is given by more than one plugin",
            "`my_steps.py`",
            "`your_steps.py`",
            "`my_steps.double` or `your_steps.double`",
        ),
    ),
    Mistake(
        title="A misspelt plugin before a step's name",
        recipe="""
            recipe: demo
            steps:
              - tensor.load: {source: wine-red}
        """,
        says=("recipe.yaml:3:5: there is no step `tensor.load`", "mean `tensors.load`?"),
    ),
    Mistake(
        title="A relative import outside a package",
        recipe=_RECIPE,
        files={"my_steps.py": f"from . import helper\n{_DOUBLE}", "helper.py": "VALUE = 1"},
        says=("recipe.yaml:2:11: ", "relative import", "(my_steps.py:1)", "put an `__init__.py`"),
    ),
    Mistake(
        title="A misspelt hook",
        recipe=_RECIPE,
        files={
            "my_steps.py": f"{_DOUBLE}\n\n@hookimpl\ndef flowrun_step():\n    return [double]\n",
        },
        says=("recipe.yaml:2:11: ", "`flowrun_step`, which is no hook", "mean `flowrun_steps`?"),
    ),
    Mistake(
        title="A hook with an argument it does not have",
        recipe=_RECIPE,
        files={
            "my_steps.py": f"{_DOUBLE}\n\n@hookimpl\ndef flowrun_run_started(recipe):\n    pass\n",
        },
        says=("recipe.yaml:2:11: ", "`flowrun_run_started`", "`recipe`", "run"),
    ),
    Mistake(
        title="`flowrun_steps` that gives plain functions",
        recipe=_RECIPE,
        files={
            "my_steps.py": """
                from flowrun import hookimpl


                def double():
                    return 42


                @hookimpl
                def flowrun_steps():
                    return [double]
            """
        },
        says=("recipe.yaml:2:11: ", "gave the function `double`", "@step(outputs=...)"),
    ),
    Mistake(
        title="`flowrun_steps` without its `return`",
        recipe=_RECIPE,
        files={"my_steps.py": f"{_DOUBLE}\n\n@hookimpl\ndef flowrun_steps():\n    [double]\n"},
        says=("recipe.yaml:2:11: ", "flowrun_steps() gave None", "is a `return` missing?"),
    ),
    Mistake(
        title="A listener that raises",
        recipe=_RECIPE,
        files={
            "my_steps.py": f"{_DOUBLE}\n\n@hookimpl\ndef flowrun_step_finished(result):\n"
            "    print(result.loss)\n"
        },
        code=0,
        says=(
            "warning: the listener `my_steps.py` failed in flowrun_step_finished",
            "switched off for this run",
            "no attribute 'loss' (my_steps.py:11)",
        ),
    ),
    Mistake(
        title="A file format without a suffix",
        recipe="""
            recipe: demo
            plugins: [./my_format.py]
            steps:
              - load: {source: wine.dat}
        """,
        files={
            "wine.dat": "1 2 3\n",
            "my_format.py": """
                from flowrun import Format, hookimpl


                @hookimpl
                def flowrun_formats():
                    return [Format("dat", (), read=print)]
            """,
        },
        code=STEP_FAILED,
        says=("`my_format.py` failed in flowrun_formats", "`dat` names no suffix", '(".dat",)'),
    ),
    Mistake(
        title="A format's suffix without its dot",
        recipe="""
            recipe: demo
            plugins: [./my_format.py]
            steps:
              - load: {source: wine.dat}
        """,
        files={
            "wine.dat": "1 2 3\n",
            "my_format.py": """
                from flowrun import Format, hookimpl


                @hookimpl
                def flowrun_formats():
                    return [Format("dat", ("dat",), read=print)]
            """,
        },
        code=STEP_FAILED,
        says=("`my_format.py` failed", "the suffix 'dat'", "begins with no dot", "write '.dat'"),
    ),
    Mistake(
        title="A plugin that is not installed",
        recipe="recipe: demo\nsteps:\n  - load: {source: wine-red}\n",
        arguments=("recipe.yaml", "-p", "nope"),
        says=(
            "the plugin `nope` is not installed",
            "No module named 'nope'",
            "pip install",
            "./nope.py",
        ),
    ),
    Mistake(
        title="A plugin file without `./` or `.py`",
        recipe="""
            recipe: demo
            plugins: [my_step]
            steps:
              - double
        """,
        files={"my_steps.py": _DOUBLE},
        says=("recipe.yaml:2:11: ", "No module named 'my_step'", "my_steps.py"),
    ),
)

"""Mistakes in a step of one's own, met when its file is loaded or when the step runs."""

from tests.campaigns.mistakes.mistake import STEP_FAILED, Mistake

_RECIPE = """
    recipe: demo
    plugins: [./my_steps.py]
    steps:
      - double
"""


def _step(text: str) -> dict[str, str]:
    return {"my_steps.py": text}


_MAKE = """
from flowrun import step


@step(outputs="numbers")
def make() -> list[int]:
    return [1, 2, 3]
"""
_TWO_STEPS = """
    recipe: demo
    plugins: [./my_steps.py]
    steps:
      - make
      - double
"""

MISTAKES = (
    Mistake(
        title="`@step` without its parentheses",
        recipe=_RECIPE,
        files=_step("""
            from flowrun import step


            @step
            def double() -> int:
                return 2
        """),
        says=("recipe.yaml:2:11: ", "my_steps.py:4", "`double`", '@step(outputs=("name",))'),
    ),
    Mistake(
        title="`@step()` without outputs",
        recipe=_RECIPE,
        files=_step("""
            from flowrun import step


            @step()
            def double() -> int:
                return 2
        """),
        says=("recipe.yaml:2:11: ", "my_steps.py:4", "outputs", '@step(outputs=("name",))'),
    ),
    Mistake(
        title="Fewer values returned than outputs named",
        recipe=_RECIPE,
        files=_step("""
            from flowrun import step


            @step(outputs=("low", "high"))
            def double() -> tuple[int, int, int]:
                return 1, 2, 3
        """),
        code=STEP_FAILED,
        says=("recipe.yaml:4:5: ", "returned 3 values; it should return 2: low, high", ".py:4"),
    ),
    Mistake(
        title="A `return` left out",
        recipe=_RECIPE,
        files=_step("""
            from flowrun import step


            @step(outputs="total")
            def double() -> int:
                total = 2 * 21
        """),
        code=STEP_FAILED,
        says=("recipe.yaml:4:5: ", "returned None", "`total`; is a `return` missing?", ".py:4"),
    ),
    Mistake(
        title="A value returned by a step without outputs",
        recipe=_RECIPE,
        files=_step("""
            from flowrun import step


            @step(outputs=())
            def double() -> int:
                return 42
        """),
        code=STEP_FAILED,
        says=("recipe.yaml:4:5: ", "returned int", "nothing: its outputs are ()", ".py:4"),
    ),
    Mistake(
        title="A step with `*args`",
        recipe=_RECIPE,
        files=_step("""
            from flowrun import step


            @step(outputs="total")
            def double(*args: int) -> int:
                return sum(args)
        """),
        says=("recipe.yaml:2:11: ", "my_steps.py:4: step `double` has `*args`", "names each"),
    ),
    Mistake(
        title="`ctx` before the `*`",
        recipe=_RECIPE,
        files=_step("""
            from flowrun import Context, step


            @step(outputs="total")
            def double(ctx: Context) -> int:
                return ctx.seed
        """),
        says=("recipe.yaml:2:11: ", "my_steps.py:4: ", "`ctx` as an input", "after a `*`"),
    ),
    Mistake(
        title="An option whose type is not imported",
        recipe=_RECIPE,
        files=_step("""
            from __future__ import annotations

            from flowrun import step


            @step(outputs="total")
            def double(*, path: Path) -> int:
                return 2
        """),
        says=("recipe.yaml:2:11: ", "my_steps.py:6: ", "cannot be read", "'Path' is not defined"),
    ),
    Mistake(
        title="An option of a type that YAML cannot give",
        recipe="""
            recipe: demo
            plugins: [./my_steps.py]
            steps:
              - double: {dtype: float64}
        """,
        files=_step("""
            import torch
            from flowrun import step


            @step(outputs="total")
            def double(*, dtype: torch.dtype) -> torch.Tensor:
                return torch.zeros(2, dtype=dtype)
        """),
        says=(
            "recipe.yaml:4:21: double: a recipe cannot give the option `dtype`",
            "torch.dtype (my_steps.py:5)",
            "str, int, float, bool",
        ),
    ),
    Mistake(
        title="An option without a `*` before it",
        recipe="""
            recipe: demo
            plugins: [./my_steps.py]
            steps:
              - make
              - double: {factor: 2}
        """,
        files=_step(f"""{_MAKE}

@step(outputs="numbers")
def double(numbers: list[int], factor: int) -> list[int]:
    return [factor * number for number in numbers]
"""),
        says=("recipe.yaml:5:14: ", "no option `factor`", "is an input", "after a `*`"),
    ),
    Mistake(
        title="An exception in a step",
        recipe=_TWO_STEPS,
        files=_step(f"""{_MAKE}

@step(outputs="double")
def double(numbers: list[int]) -> int:
    return 2 * numbers[3]
"""),
        code=STEP_FAILED,
        says=(
            "recipe.yaml:5:5: the step `double` failed",
            "IndexError: list index out of range (my_steps.py:11)",
            "input   numbers: [1, 2, 3]",
            "--traceback",
        ),
    ),
    Mistake(
        title="An exception with a very long message",
        recipe=_RECIPE,
        files=_step("""
            from flowrun import step


            @step(outputs="double")
            def double() -> int:
                raise ValueError("\\n".join(f"row {row} is wrong" for row in range(200)))
        """),
        code=STEP_FAILED,
        says=("ValueError: row 0 is wrong (my_steps.py:6)", "row 9 is wrong", "190 lines more"),
    ),
    Mistake(
        title="Tensors whose shapes do not fit",
        recipe=_TWO_STEPS,
        files=_step("""
            import torch
            from flowrun import step


            @step(outputs=("X", "W"))
            def make() -> tuple[torch.Tensor, torch.Tensor]:
                return torch.ones(3, 4), torch.ones(5, 1)


            @step(outputs="y_hat")
            def double(X: torch.Tensor, W: torch.Tensor) -> torch.Tensor:
                return X @ W
        """),
        code=STEP_FAILED,
        says=(
            "recipe.yaml:5:5: the step `double` failed",
            "RuntimeError: ",
            "(my_steps.py:12)",
            "input   X: (3, 4) float32",
            "input   W: (5, 1) float32",
        ),
    ),
    Mistake(
        title="An output whose name Python does not allow",
        recipe=_RECIPE,
        files=_step("""
            from flowrun import step


            @step(outputs="y-hat")
            def double() -> int:
                return 2
        """),
        says=("recipe.yaml:2:11: ", "my_steps.py:4: ", "'y-hat'", "a Python identifier"),
    ),
)

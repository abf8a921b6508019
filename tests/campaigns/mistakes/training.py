"""Mistakes in splitting a table and in training, met while a recipe runs."""

from tests.campaigns.mistakes.mistake import STEP_FAILED, Mistake

_ROWS = "".join(f"{row % 5},{row % 3},{row % 7}\n" for row in range(12))
_TABLE = {"wine.csv": f"alcohol,pH,score\n{_ROWS}"}


def _steps(*lines: str) -> str:
    head = ["recipe: demo", "steps:", "  - load: {source: wine.csv}"]
    return "\n".join([*head, *(f"  {line}" for line in lines)]) + "\n"


MISTAKES = (
    Mistake(
        title="More training rows than the table has",
        recipe=_steps("- split: {train: 1000}"),
        files=_TABLE,
        says=("recipe.yaml:4:20: ", "train: 1000 asks for 1000 of 12 rows", "at most 11"),
    ),
    Mistake(
        title="A target column that is not there",
        recipe=_steps("- split: {train: 8, targets: scores}"),
        files=_TABLE,
        says=("recipe.yaml:4:32: ", "no column `scores`", "alcohol, pH, score", "mean `score`?"),
    ),
    Mistake(
        title="A target by name in a table without names",
        recipe=_steps("- split: {train: 8, targets: score}"),
        files={"wine.csv": _ROWS},
        says=("recipe.yaml:4:32: ", "have no names", "`targets` as a number of last columns"),
    ),
    Mistake(
        title="Layers that end in the wrong width",
        recipe=_steps("- split: {train: 8}", "- init_params: {layers: [4, 2]}"),
        files=_TABLE,
        code=STEP_FAILED,
        says=("recipe.yaml:5:5: ", "gives 2 predictions", "1 targets: end `layers` with 1"),
    ),
    Mistake(
        title="Targets of one dimension",
        recipe="""
            recipe: demo
            plugins: [./halves.py]
            steps:
              - halves
              - init_params: {layers: [1]}
              - gd_train
        """,
        files={
            "halves.py": """
                import torch
                from flowrun import step


                @step(outputs=("X_train", "y_train"))
                def halves() -> tuple[torch.Tensor, torch.Tensor]:
                    return torch.ones(8, 2), torch.ones(8)
            """
        },
        code=STEP_FAILED,
        says=(
            "recipe.yaml:6:5: the step `gd_train` failed",
            "y_train has the shape (8,)",
            "(8, 1)",
            "unsqueeze(1)",
        ),
    ),
    Mistake(
        title="A learning rate so large that the loss diverges",
        recipe=_steps(
            "- split: {train: 8}", "- init_params: {layers: [1]}", "- gd_train: {lr: 1000}"
        ),
        files=_TABLE,
        code=STEP_FAILED,
        says=(
            "recipe.yaml:6:5: ",
            "the loss stopped being finite at step",
            "the last finite loss was",
            "lower the learning rate (lr is 1000, and the descent converges below",
        ),
    ),
    Mistake(
        title="A batch larger than the table",
        recipe=_steps(
            "- split: {train: 8}", "- init_params: {layers: [1]}", "- gd_train: {batch_size: 64}"
        ),
        files=_TABLE,
        code=STEP_FAILED,
        says=("recipe.yaml:6:5: ", "batch_size is 64", "8 rows", "leave batch_size out"),
    ),
    Mistake(
        title="Predicting from rows that still hold the target",
        recipe=_steps(
            "- split: {train: 8}",
            "- init_params: {layers: [1]}",
            "- predict",
        ),
        files=_TABLE,
        code=STEP_FAILED,
        says=("recipe.yaml:6:5: ", "takes 2 columns", "(12, 3)", "without the target"),
    ),
)

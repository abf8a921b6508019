"""A value of another type than a step takes is named, with the way to convert it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import flowrun
from flowrun import StepError

TRAINING = [{"init_params": {"layers": [1]}}, {"gd_train": {"steps": 2}}]
ROWS, WHOLE = [[1.0, 2.0], [3.0, 4.0]], [[1, 2], [3, 4]]


def failure(*steps: object, **given: object) -> str:
    with pytest.raises(StepError) as caught:
        flowrun.run({"recipe": "r", "steps": list(steps)}, given=given or None, record=False)
    return caught.value.message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones((3, 2)), "is a numpy.ndarray, and the step takes a tensor\nconvert it first: "
                          "`torch.from_numpy(data)`"),
        (np.ones((3, 2), ">f4"), "`torch.from_numpy(data.astype('float32'))`"),
        ([[1.0, 2.0]], "`data` is a list, and the step takes a tensor\nconvert it first: "
                       "`torch.tensor(data)`"),
    ],
)  # fmt: skip
def test_what_is_no_tensor_is_named(value: object, message: str) -> None:
    assert message in failure("shuffle", data=value)


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr], ids=str)
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_a_sparse_table_is_named(layout: torch.layout) -> None:
    table = torch.eye(4).to_sparse(layout=layout)
    message = failure("shuffle", {"split": {"train": 2}}, data=table)
    assert f"`data` is {str(layout).removeprefix('torch.')}: torch has no `" in message
    assert "make it dense first: `data.to_dense()`" in message


OWN = """
from flowrun import step


class LayoutError(RuntimeError):
    def __init__(self, layout, *, code):
        super().__init__(f"{layout} is a sparse layout: {code}")


@step(outputs="out")
def picky(data):
    raise LayoutError(data.layout, code=7)
"""


def test_a_sparse_table_is_named_if_the_error_has_a_constructor_of_its_own(
    write: Callable[[str, str], Path],
) -> None:
    write("own.py", OWN)
    recipe = {"recipe": "r", "plugins": ["./own.py"], "steps": ["picky"]}
    with pytest.raises(StepError) as caught:
        flowrun.run(recipe, given={"data": torch.eye(4).to_sparse()}, record=False)
    message = caught.value.message
    assert message.startswith("RuntimeError: `data` is sparse_coo: torch.sparse_coo is a sparse")
    assert "own.py:12" in message
    assert "make it dense first: `data.to_dense()`" in message


@pytest.mark.parametrize(
    ("X", "y", "steps", "message"),
    [
        (WHOLE, ROWS, TRAINING, "cast the rows first: `cast: {X_train: float32, X_val: float32}`"),
        (WHOLE, ROWS, ["normalize"], "cast the rows first: `cast: {X_train: float32"),
        ([[1.0], [2.0]], [[1], [2]], TRAINING, "the whole numbers: `cast: {y_train: float32}`"),
        ([[1.0], [2.0]], [0, 1], [{"init_params": {"layers": [3]}}, {"gd_train": {"steps": 2}}],
         "if y_train has classes, train with `loss: cross_entropy`"),
        (ROWS, [[0, 1], [1, 0]], [{"init_params": {"layers": [2]}},
                                  {"gd_train": {"loss": "cross_entropy"}}],
         "`compute: {y_train: y_train.argmax(1)}` makes them of one column for each class"),
    ],
)  # fmt: skip
def test_whole_numbers_are_named_with_the_way_on(
    X: object, y: object, steps: list[object], message: str
) -> None:
    assert message in failure({"tensor": {"X_train": X, "y_train": y, "X_val": X}}, *steps)


def test_whole_rows_for_parameters_that_are_there() -> None:
    start = {"tensor": {"X_train": ROWS, "y_train": [[1.0], [2.0]], "X_whole": WHOLE}}
    predict = {"predict": {}, "in": {"data": "X_whole"}}
    assert "cast the rows first, such as `cast: {X_train: float32" in failure(
        start, *TRAINING, predict
    )


CAST = "cast the classes first: `cast: {y_train: int64, y_val: int64}`"


def test_targets_of_a_classifier_that_are_not_cast_are_no_reason_for_one_output() -> None:
    network = {"init_params": {"layers": [3]}}
    classes = {"tensor": {"X_train": ROWS, "y_train": [[0.0], [2.0]]}}
    assert CAST in failure(classes, network)
    assert "end `layers`" not in failure(classes, network)
    for numbers in ([[0.5], [2.0]], [[0.0], [3.0]], [[-1.0], [2.0]]):
        message = failure({"tensor": {"X_train": ROWS, "y_train": numbers}}, network)
        assert message.endswith("1 targets: end `layers` with 1")


def test_in_a_check_both_are_said_of_targets_that_may_be_classes() -> None:
    steps = [
        {"tensor": {"X_train": ROWS, "y_train": [[0.0], [2.0]]}}, {"init_params": {"layers": [3]}},
    ]  # fmt: skip
    found = str(flowrun.check({"recipe": "r", "steps": steps}).findings[0])
    assert "end `layers` with 1" in found
    assert f"if they are classes, {CAST}" in found

"""`normalize` at the bounds of each dtype: the right numbers, a warning, or an error."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from pathlib import Path

import pytest
import torch

import flowrun
from flowrun import StepError

F64, F32, F16, BF16 = torch.float64, torch.float32, torch.float16, torch.bfloat16


def normalize(
    column: list[float], dtype: torch.dtype = F64, columns: list[str] | None = None
) -> flowrun.Result:
    """A column normalized beside one of 1, 2, 3, ..."""
    numbers = torch.tensor(column, dtype=F64).to(dtype)
    X = torch.stack([torch.arange(len(column)).to(dtype), numbers], dim=1)
    given = {"X_train": X, "X_val": X[:1], **({} if columns is None else {"columns": columns})}
    return flowrun.run({"recipe": "r", "steps": ["normalize"]}, given=given, record=False)


def exact(column: list[float]) -> list[float]:
    """The normalized column, by whole numbers of any length."""
    numbers = [Fraction(number) for number in column]
    mean = sum(numbers) / len(numbers)
    variance = sum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1)
    digits = 10**400
    deviation = Fraction(isqrt(int(variance * digits**2)), digits)
    return [float((number - mean) / deviation) for number in numbers]


PATTERN = [1.0, -2.0, 0.5, 3.0, 1.0]


@pytest.mark.parametrize(
    "scale", [1e-300, 1e-200, 1e-160, 1e-150, 1.0, 1e150, 1e160, 1e200, 1e300, 2e307]
)
@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_a_column_of_any_scale_is_normalized(scale: float, shift: float) -> None:
    column = [(number + shift) * scale for number in PATTERN]
    result = normalize(column)
    found = result.values["X_train"][:, 1]
    torch.testing.assert_close(
        found, torch.tensor(exact(column), dtype=F64), rtol=1e-12, atol=1e-12
    )
    beside = result.values["X_train"][:, 0].tolist()
    assert beside == normalize(PATTERN).values["X_train"][:, 0].tolist()
    assert result.record["warnings"] == []


@pytest.mark.parametrize("value", [0.0, 0.1, 1e-300, 5e-324, -1e300])
def test_a_constant_column_of_any_size_is_constant(value: float) -> None:
    result = normalize([value] * 4)
    assert result.values["X_train"][:, 1].tolist() == [0.0] * 4
    assert result.values["std"][1] == 1
    assert result.values["mean"][1] == value
    kept = "constant in the training rows, so kept at zero: column 2 of X_train"
    assert result.record["warnings"] == [kept]


@pytest.mark.parametrize("dtype", [F64, F32, F16, BF16], ids=str)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("row", [0, 3])
def test_a_column_that_is_not_finite_is_refused(bad: float, dtype: torch.dtype, row: int) -> None:
    column = [1.0, 2.0, 3.0, 4.0]
    column[row] = bad
    with pytest.raises(StepError, match="nan or infinity in the training rows: column 2"):
        normalize(column, dtype)
    with pytest.raises(StepError, match="nan or infinity in the training rows: column ph"):
        normalize(column, dtype, ["count", "ph"])


def test_the_names_of_a_table_whose_target_is_not_last_name_no_column() -> None:
    Path("plant.csv").write_text("a,kwh,b,c\n1,7,5,2\n2,9,5,4\n3,8,5,7\n4,6,6,9\n")
    steps = [
        {"load": {"source": "plant.csv"}},
        {"split": {"train": 3, "targets": "kwh"}},
        "normalize",
    ]
    result = flowrun.run({"recipe": "r", "steps": steps}, record=False)
    kept = "constant in the training rows, so kept at zero: column 2 of X_train"  # b, not kwh
    assert result.record["warnings"] == [kept]


@pytest.mark.parametrize(
    ("column", "dtype", "message"),
    [
        ([1.7e308, -1.7e308, 1.7e308], F64, "float64 cannot hold the deviation: column 2"),
        ([5e-324, 0.0, 5e-324], F64, "float64 cannot hold the deviation: column 2"),
        ([3.4e38, -3.4e38], F32, "float32 cannot hold the deviation: column 2"),
        ([1e-45, 0.0, 0.0], F32, "float32 cannot hold the deviation: column 2"),
        ([6e-8, 0.0, 0.0], F16, "float16 cannot hold the deviation: column 2"),
        ([60000.0, -60000.0, -60000.0, -60000.0], F16, "float16 cannot hold the results: column 2"),
    ],
)  # fmt: skip
def test_what_the_dtype_cannot_hold_is_refused(
    column: list[float], dtype: torch.dtype, message: str
) -> None:
    with pytest.raises(StepError, match=message):
        normalize(column, dtype)


@pytest.mark.parametrize(
    ("column", "dtype"),
    [([3e38, 2e38, 1e38], F32), ([1e-44 * k for k in range(1, 90)], F32),
     ([30000.0, 20000.0, 10000.0, 0.0, 5000.0], F16)],
)  # fmt: skip
def test_what_the_dtype_can_hold_is_normalized(column: list[float], dtype: torch.dtype) -> None:
    numbers = torch.tensor(column, dtype=F64).to(dtype).double().tolist()
    found = normalize(column, dtype).values["X_train"][:, 1].double()
    torch.testing.assert_close(found, torch.tensor(exact(numbers), dtype=F64), rtol=0.01, atol=0.01)


YEARS = [1990.0 + year % 30 for year in range(300)]


@pytest.mark.parametrize(("dtype", "warns"), [(BF16, True), (F16, True), (F32, False)], ids=str)
def test_a_mean_that_the_dtype_holds_coarsely_is_warned_of(dtype: torch.dtype, warns: bool) -> None:
    result = normalize(YEARS, dtype, ["count", "year"])
    found = float(result.values["X_train"][:, 1].double().mean())
    assert (abs(found) > 0.01) == warns
    if warns:
        (warning,) = result.record["warnings"]
        name = str(dtype).removeprefix("torch.")
        assert warning.startswith(f"{name} stores the mean only to 0.")
        assert float(warning.split()[6]) == pytest.approx(abs(found), rel=0.1)
        assert "of the deviation: column year; normalize in a wider dtype, then cast" in warning
    else:
        assert result.record["warnings"] == []


def test_new_rows_are_normalized_as_those_for_training_were() -> None:
    values = normalize(YEARS, BF16).values
    assert torch.equal(values["X_val"], values["X_train"][:1])

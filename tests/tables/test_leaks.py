"""Nothing is learnt from rows that are not for training: changing those changes no parameter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

import flowrun

ROWS = 60
WORDS = ("red", "green", "blue")

# Options of `encode` and of `split_rows`, each of which could learn from the other rows.
ENCODINGS: dict[str, dict[str, Any]] = {
    "mean": {"missing": {"size": "mean", "when": "most_frequent", "colour": "most_frequent"}},
    "median": {"missing": {"size": "median", "when": "most_frequent", "colour": {"value": "red"}}},
    "most frequent": {"missing": "most_frequent"},
    "drop": {"missing": "drop"},
    "indicator": {"missing": "indicator"},
    "a value": {"missing": {"size": 3.5, "when": "drop", "colour": {"value": "none"}}},
    "standard": {"missing": "most_frequent", "scale": "standard"},
    "minmax": {"missing": "most_frequent", "scale": "minmax"},
    "robust": {"missing": "most_frequent", "scale": "robust"},
    "none": {"missing": "most_frequent", "scale": "none"},
    "scales by column": {"missing": "most_frequent", "scale": {"size": "minmax", "when": "robust"}},
    "ordinal": {"missing": "most_frequent", "categories": "ordinal"},
    "codes by column": {"missing": "most_frequent", "categories": {"count": "one_hot"}},
    "parts of dates": {"missing": "most_frequent", "dates": ["month", "weekday"]},
    "standard target": {"missing": "most_frequent", "scale_target": "standard"},
    "minmax target": {"missing": "most_frequent", "scale_target": "minmax"},
    "robust target": {"missing": "most_frequent", "scale_target": "robust"},
    "classes": {"missing": "most_frequent", "target": "label", "classes": True},
}
DIVISIONS: dict[str, dict[str, Any]] = {
    "fractions": {"train": 0.6, "val": 0.2, "test": 0.2},
    "counts": {"train": 30, "val": 20, "test": 10},
    "in order": {"train": 0.5, "shuffle": False},
    "strata": {"train": 0.6, "test": 0.2, "stratify": "label"},
    "groups": {"train": 0.6, "test": 0.2, "groups": "group"},
    "a fold": {"folds": 4, "fold": 1},
    "a fold of strata": {"folds": 4, "fold": 3, "stratify": "label"},
}
SELECTIONS: dict[str, dict[str, Any]] = {
    "keep": {"keep": ["row", "size", "count", "colour", "when", "score", "label", "group"]},
    "drop": {"drop": ["note"]},
}


def table() -> pl.DataFrame:
    draw = torch.Generator().manual_seed(3)
    numbers = torch.randn(ROWS, generator=draw).tolist()
    places = torch.randint(3, (ROWS,), generator=draw).tolist()
    return pl.DataFrame(
        {
            "row": list(range(ROWS)),
            "size": [None if row % 7 == 3 else one for row, one in enumerate(numbers)],
            "count": places,
            "colour": [None if row % 11 == 5 else WORDS[at] for row, at in enumerate(places)],
            "when": pl.Series(
                [None if row % 13 == 6 else f"2024-{row % 12 + 1:02}-15" for row in range(ROWS)]
            ).str.to_date(),
            "note": ["a note"] * ROWS,
            "score": [2 * one + place for one, place in zip(numbers, places, strict=True)],
            "label": [row % 3 for row in range(ROWS)],
            "group": [row // 4 for row in range(ROWS)],
        }
    )


def altered(given: pl.DataFrame, rows: list[int]) -> pl.DataFrame:
    """The table with other numbers, words, dates and gaps in some rows."""
    here = pl.col("row").is_in(rows)
    return given.with_columns(
        pl.when(here).then(pl.col("size").fill_null(0) * 1000 + 77).otherwise("size").alias("size"),
        pl.when(here & (pl.col("row") % 2 == 0)).then(None).otherwise("colour").alias("colour"),
        pl.when(here).then(pl.date(1999, 1, 2)).otherwise("when").alias("when"),
        pl.when(here).then(pl.col("score") * -50).otherwise("score").alias("score"),
        pl.when(here).then(2).otherwise("count").alias("count"),
    )


def trained(given: pl.DataFrame, folder: Path, **options: dict[str, Any]) -> dict[str, Any]:
    given.write_parquet(folder / "rows.parquet")
    encoding = {"target": "score", "unknown": "zero", **options["encode"]}
    is_class = encoding["target"] == "label"
    steps: list[Any] = [
        {"read_table": {"source": str(folder / "rows.parquet")}},
        {"select": options["select"]},
        {"split_rows": options["split_rows"]},
        {"encode": encoding},
        {"init_params": {"layers": [3 if is_class else 1]}},
        {
            "gd_train": {
                "loss": "cross_entropy" if is_class else "mse",
                "steps": 5,
                "optimizer": "adam",
            }
        },
    ]
    return flowrun.run({"recipe": "leak", "steps": steps}, device="cpu", record=False).values


def require_no_leak(folder: Path, **options: dict[str, Any]) -> None:
    given = table()
    before = trained(given, folder, **options)
    others = [*before["val"]["row"], *before["test"]["row"]]
    assert others
    after = trained(altered(given, others), folder, **options)
    assert after["train"].equals(before["train"])
    assert not torch.equal(after["X_val"], before["X_val"])
    assert after["encoding"] == before["encoding"]
    for name, value in before["params"].items():
        assert torch.equal(after["params"][name], value), name


USUAL: dict[str, dict[str, Any]] = {
    "select": SELECTIONS["drop"],
    "split_rows": DIVISIONS["fractions"],
    "encode": ENCODINGS["most frequent"],
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_an_encoding_learns_nothing_from_other_rows(name: str, tmp_path: Path) -> None:
    require_no_leak(tmp_path, **{**USUAL, "encode": ENCODINGS[name]})


@pytest.mark.parametrize("name", DIVISIONS)
def test_a_division_lets_nothing_of_other_rows_through(name: str, tmp_path: Path) -> None:
    require_no_leak(tmp_path, **{**USUAL, "split_rows": DIVISIONS[name]})


@pytest.mark.parametrize("name", SELECTIONS)
def test_a_selection_lets_nothing_of_other_rows_through(name: str, tmp_path: Path) -> None:
    require_no_leak(tmp_path, **{**USUAL, "select": SELECTIONS[name]})


def test_a_changed_row_to_train_on_is_noticed(tmp_path: Path) -> None:
    """The test above can fail: a row that is learnt from changes the parameters."""
    given = table()
    before = trained(given, tmp_path, **USUAL)
    after = trained(altered(given, before["train"]["row"].to_list()[:1]), tmp_path, **USUAL)
    assert not torch.equal(after["params"]["W1"], before["params"]["W1"])

"""A table with words and missing cells, from the file to predictions, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.preprocessing import MinMaxScaler, RobustScaler

import flowrun
from flowrun import FlowrunError, StepError
from flowrun.testing import check_step
from flowrun_tables.steps import STEPS
from tests import processes

ROOT = Path(__file__).parents[2]
PEOPLE = "name,age,port,member,joined,pay\n" + "".join(
    f"p{row},{'' if row % 5 == 4 else 20 + row},{('B', 'A', 'C')[row % 3]},"
    f"{'true' if row % 2 else 'false'},2024-{row % 12 + 1:02}-03,{100 * row + 7}\n"
    for row in range(24)
)
READ: list[Any] = [{"read_table": {"source": "people.csv"}}, {"select": {"drop": ["name"]}}]
SPLIT: list[Any] = [*READ, {"split_rows": {"train": 16, "val": 8, "shuffle": False}}]
WAYS: dict[str, Any] = {"target": "pay", "missing": {"age": "median"}}
ENCODED: list[Any] = [*SPLIT, {"encode": WAYS}]
TRAINED: list[Any] = [
    *ENCODED,
    {"init_params": {"layers": [1]}},
    {"gd_train": {"steps": 3, "optimizer": "adam"}},
]
SCORED: list[Any] = [*TRAINED, {"predict": {"source": "people.csv"}}]
RECIPES: dict[str, list[Any]] = {
    "read_table": READ[:1],
    "select": READ,
    "split_rows": SPLIT,
    "encode": ENCODED,
    "apply_encoding": [*ENCODED, "apply_encoding"],
    "decode": [*SCORED, "decode"],
    "write_table": [*SCORED, "decode", {"write_table": {"to": "out/scored.csv"}}],
}

Write = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def people(write: Write) -> None:
    write("people.csv", PEOPLE)


def values_of(*steps: Any) -> dict[str, Any]:
    """The values of a recipe on shapes that it has, run in this folder."""
    return flowrun.run({"recipe": "r", "steps": list(steps)}, device="cpu", record=False).values


def test_no_step_of_tables_is_left_out() -> None:
    assert set(RECIPES) == {step.name for step in STEPS}


@pytest.mark.parametrize("title", RECIPES)
def test_a_step_of_tables_keeps_every_rule(title: str) -> None:
    plan = flowrun.plan({"recipe": "one", "steps": RECIPES[title]}, device="cpu")
    last = plan.steps[-1]
    sources = {**last.wires.inputs, **(last.wires.named or {})}
    values = values_of(*RECIPES[title][:-1]) if sources else {}
    inputs = {name: values[source] for name, source in sources.items()}
    check_step(last.step, inputs, last.keywords)


def encoded(**options: Any) -> dict[str, Any]:
    return values_of(*SPLIT, {"encode": {**WAYS, **options}})


def column(values: dict[str, Any], name: str, part: str = "X_val") -> torch.Tensor:
    return values[part][:, values["columns"].index(name)]


def test_features_have_the_names_of_columns_categories_and_parts() -> None:
    assert encoded(dates=["month", "weekday"])["columns"] == [
        "age", "port=A", "port=B", "port=C", "member", "joined.month", "joined.weekday",
    ]  # fmt: skip


def test_a_column_is_scaled_as_scikit_learn_scales_it() -> None:
    values = values_of(*SPLIT)
    ages = [values[part]["age"].cast(float) for part in ("train", "val")]
    filled = [one.fill_null(ages[0].median()).to_numpy().reshape(-1, 1) for one in ages]
    spread = filled[0].std(ddof=1)
    wanted = {
        "standard": (filled[1] - filled[0].mean()) / spread,
        "minmax": MinMaxScaler().fit(filled[0]).transform(filled[1]),
        "robust": RobustScaler().fit(filled[0]).transform(filled[1]),
        "none": filled[1],
    }
    for how, numbers in wanted.items():
        found = column(encoded(scale=how), "age").numpy()
        np.testing.assert_allclose(found, numbers[:, 0], rtol=1e-5)


def test_what_stands_in_for_a_missing_cell_is_of_the_rows_to_train_on() -> None:
    train = values_of(*SPLIT)["train"]["age"]
    wanted = {"mean": train.mean(), "median": train.median(), 3: 3.0}
    for method, number in wanted.items():
        found = encoded(missing={"age": method}, scale="none")
        assert float(column(found, "age")[3]) == pytest.approx(number)  # row 19 lacks its age
    with_indicator = encoded(missing={"age": "indicator"}, scale="none")
    assert column(with_indicator, "age missing").tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    dropped = encoded(missing={"age": "drop"})
    assert (len(dropped["X_train"]), len(dropped["X_val"])) == (13, 7)


def test_a_missing_cell_of_which_nothing_is_said_is_refused_with_row_and_remedy() -> None:
    with pytest.raises(FlowrunError, match=r"`age` lacks 3 of 16 cells.*row 5(.|\n)*age: median"):
        values_of(*SPLIT, {"encode": {"target": "pay"}})


def test_one_method_for_all_columns_passes_over_those_that_lack_nothing() -> None:
    assert torch.equal(encoded(missing="median")["X_val"], encoded()["X_val"])
    assert torch.equal(column(encoded(missing=7, scale="none"), "age")[3:4], torch.tensor([7.0]))


def test_a_missing_word_is_a_category_of_its_own_if_that_is_said(write: Write) -> None:
    write("people.csv", PEOPLE.replace(",B,", ",,"))
    with pytest.raises(FlowrunError, match="`port` has no median"):
        encoded(missing="median")
    found = encoded(missing={"age": "median", "port": {"value": "none"}})
    assert found["columns"][1:4] == ["port=A", "port=C", "port=none"]
    marked = encoded(missing="indicator")["columns"]
    assert [name for name in marked if name.endswith(" missing")] == [
        f"{name} missing" for name in ("age", "port", "member", "joined")
    ]


def test_whole_numbers_may_be_categories_and_none_of_them_a_mean() -> None:
    ways = {"categories": {"age": "one_hot"}, "unknown": "zero"}
    assert "age=20" in encoded(**ways, missing={"age": "most_frequent"})["columns"]
    assert "age=99" in encoded(**ways, missing={"age": 99})["columns"]
    with pytest.raises(FlowrunError, match="stand for categories"):
        encoded(**ways, missing={"age": "mean"})


def test_rows_without_a_target_are_left_out_if_that_is_said(write: Write) -> None:
    write("people.csv", PEOPLE.replace(",107\n", ",\n"))
    with pytest.raises(FlowrunError, match="a target is not made up"):
        encoded()
    assert len(encoded(missing={"age": "median", "pay": "drop"})["X_train"]) == 15


def test_words_and_truth_values_are_classes_and_come_back_as_words() -> None:
    steps = [
        *SPLIT,
        {"encode": {"target": "port", "missing": {"age": "median"}}},
        {"init_params": {"layers": [3]}},
        {"gd_train": {"loss": "cross_entropy", "steps": 3, "optimizer": "adam"}},
        {"predict": {"source": "people.csv"}},
        "decode",
    ]
    values = values_of(*steps)
    assert values["y_train"].tolist()[:4] == [1, 0, 2, 1]
    table = values["predictions"]
    assert table.columns == ["port predicted", "port=A", "port=B", "port=C"]
    best = values["y_hat"].argmax(1).tolist()
    assert table["port predicted"].to_list() == ["ABC"[place] for place in best]
    assert values["table"]["name"].to_list() == [f"p{row}" for row in range(24)]


def test_a_category_that_the_rows_to_train_on_lack_is_declared_or_refused(write: Write) -> None:
    write("people.csv", PEOPLE.replace("p20,40,C", "p20,40,Z"))
    with pytest.raises(FlowrunError, match=r"`port` has 'Z' in row 5 of val(.|\n)*unknown: zero"):
        encoded()
    found = encoded(unknown="zero")
    assert sum(float(column(found, f"port={one}")[4]) for one in "ABC") == 0
    ordinal = encoded(unknown="zero", categories="ordinal")
    assert column(ordinal, "port").tolist() == [1, 3, 2, 1, 0, 2, 1, 3]


def test_a_number_that_the_dtype_cannot_hold_is_refused(write: Write) -> None:
    write("people.csv", PEOPLE.replace("p3,23", "p3,1e39"))
    with pytest.raises(FlowrunError, match=r"row 4, column `age`: 1e\+39 is beyond the range"):
        encoded(scale="none")


def test_metrics_are_in_the_units_of_the_target() -> None:
    steps = [*SPLIT, {"encode": {**WAYS, "scale_target": "standard"}},
             {"init_params": {"layers": [1]}}, {"evaluate": {"metrics": ["mae"]}}]  # fmt: skip
    values = values_of(*steps, {"predict": {}, "in": {"data": "X_val"}}, "decode")
    told = values["predictions"]["pay predicted"].to_numpy()
    pay = values["val"]["pay"].to_numpy()
    assert values["metrics"]["mae"] == pytest.approx(np.abs(told - pay).mean(), rel=1e-5)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".arrow", ".jsonl"])
def test_a_table_that_is_written_is_read_back(suffix: str, tmp_path: Path) -> None:
    to = str(tmp_path / f"again{suffix}")
    values = values_of(READ[0], {"write_table": {"to": to}})
    again = values_of({"read_table": {"source": to, "types": {}}})["table"]
    found = again.with_columns(pl.col("joined").cast(pl.String))
    assert found.equals(values["table"].with_columns(pl.col("joined").cast(pl.String)))


def test_a_kept_table_is_taken_from_the_store_whatever_lies_below_its_gaps(write: Write) -> None:
    """A table that was read back is the same to the steps below, so none of them runs again."""
    write("r.yaml", json.dumps({"recipe": "r", "steps": ENCODED}))
    for extra in ([], [], ["--set", "encode.scale=minmax"]):
        done = processes.run(["-m", "flowrun", "r.yaml", *extra])
        assert done.returncode == 0, done.stderr
    assert done.stdout.count("  kept\n") == 3
    assert "cannot be kept" not in done.stdout


def test_files_of_a_pattern_are_one_table_in_the_order_of_their_names(write: Write) -> None:
    write("logs/b.csv", "a,b\n3,x\n")
    write("logs/a.csv", "a,b\n1,y\n2,\n")
    table = values_of({"read_table": {"source": "logs/*.csv"}})["table"]
    assert table.to_dict(as_series=False) == {"a": [1, 2, 3], "b": ["y", None, "x"]}
    write("logs/c.csv", "a,c\n4,x\n")
    with pytest.raises(StepError, match=r"c\.csv has the columns"):
        values_of({"read_table": {"source": "logs/*.csv"}})


def test_each_row_is_in_one_fold_and_strata_are_alike() -> None:
    seen: list[int] = []
    for fold in range(4):
        steps = {"split_rows": {"folds": 4, "fold": fold, "stratify": "port"}}
        values = values_of(*READ, steps)
        seen += values["val"]["pay"].to_list()
        assert values["val"]["port"].value_counts()["count"].to_list() == [2, 2, 2]
    assert sorted(seen) == [100 * row + 7 for row in range(24)]


def test_a_group_is_in_one_part_alone() -> None:
    values = values_of(*READ, {"split_rows": {"train": 1, "test": 1, "groups": "port"}})
    ports = [set(values[part]["port"]) for part in ("train", "val", "test")]
    assert sorted(len(one) for one in ports) == [1, 1, 1]
    assert set.union(*ports) == {"A", "B", "C"}


def test_all_rows_may_be_to_train_on() -> None:
    values = values_of(*READ, {"split_rows": {"train": 1.0}})
    assert [len(values[part]) for part in ("train", "val", "test")] == [24, 0, 0]


def test_shares_that_are_no_whole_are_refused() -> None:
    with pytest.raises(FlowrunError, match="fractions add up to 1"):
        values_of(*READ, {"split_rows": {"train": 0.5, "val": 0.2, "test": 0.2}})


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"select": {"drop": ["nmae"]}}, "did you mean `name`"),
        ({"split_rows": {"train": 0.5, "stratify": "prot"}}, "did you mean `port`"),
    ],
)
def test_a_column_that_is_not_there_is_found_before_the_run(
    options: dict[str, Any], hint: str, write: Write
) -> None:
    write("r.yaml", json.dumps({"recipe": "r", "steps": [READ[0], options]}))
    done = processes.run(["-m", "flowrun", "r.yaml"])
    assert done.returncode == 2
    assert hint in done.stderr
    assert "nothing was run" in done.stderr


def test_a_check_follows_columns_to_the_shapes_of_tensors() -> None:
    checked = flowrun.check({"recipe": "r", "steps": [*TRAINED, "evaluate"]}, device="cpu")
    assert not checked.findings
    wide = [*ENCODED, {"init_params": {"layers": [2]}}]
    problems = flowrun.check({"recipe": "r", "steps": wide}, device="cpu").findings
    assert "the last layer gives 2 predictions a row, and y_train has 1 targets" in str(problems)


def test_without_polars_a_step_that_runs_says_how_to_get_it(write: Write) -> None:
    write("r.yaml", "recipe: r\nsteps:\n  - read_table: {source: people.csv}\n")
    code = (
        "import sys; sys.modules['polars'] = None\n"
        "sys.argv = ['flowrun', *sys.argv[1:]]\n"
        "from flowrun.cli.main import main; main()"
    )
    listed = processes.run(["-c", code, "steps", "read_table"], fresh=True)
    assert "read_table: Read a table" in listed.stdout
    done = processes.run(["-c", code, "r.yaml"], fresh=True)
    assert done.returncode == 3
    assert "pip install 'flowrun-recipes[tables]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_files_of_the_recipes_are_those_that_are_made() -> None:
    done = processes.run([str(ROOT / "data" / "make_tables.py"), "--check"])
    assert done.returncode == 0, done.stderr


def test_the_recipes_hold_and_new_rows_are_scored(tmp_path: Path) -> None:
    for name in ("iris", "passengers"):
        to = {"save.to": str(tmp_path / name)}
        assert flowrun.run(ROOT / "recipes" / f"{name}.yaml", set=to, device="cpu").ok
    settings = {
        "load.source": str(tmp_path / "passengers"),
        "write_table.to": str(tmp_path / "scored.csv"),
    }
    result = flowrun.run(ROOT / "recipes" / "score_passengers.yaml", set=settings, device="cpu")
    assert result.ok
    scored = pl.read_csv(tmp_path / "scored.csv")
    assert set(scored["survived predicted"]) <= {"yes", "no"}

"""Large data: files stay on disk until rows are read, and a step copies them at most once."""

from __future__ import annotations

import gc
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.profiler import ProfilerActivity, profile

import flowrun
from flowrun import StepError

ROWS, COLUMNS = 4_000_000, 8
SIZE = ROWS * COLUMNS * 4  # bytes: 122 MiB
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
FORMATS = ["pt", "npy", "safetensors"]

STEPS = '''
import os
import re
from pathlib import Path

import numpy as np
import torch
from flowrun import step

def own_bytes():
    """Memory of this process that is no file's."""
    return 1024 * int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

@step(outputs=("batch", "taken"), random=True)
def read_some(X_train, y_train):
    """Read mini-batches of rows drawn at random."""
    before, rows = own_bytes(), []
    for _ in range(20):
        order = torch.randint(0, len(X_train), (500,))
        rows.append(torch.cat([X_train.index_select(0, order), y_train.index_select(0, order)], 1))
    return torch.cat(rows), own_bytes() - before

@step(outputs="first")
def first_row(data):
    return data[:1].clone()

@step(outputs="data")
def replace_file(data, *, path: str):
    """Put another file in the place of the one that is mapped."""
    np.save("other.npy", np.full((4, 2), 9.0, np.float32))
    os.replace("other.npy", path)
    return data

@step(outputs="data")
def write_to_input(data):
    return data.add_(1)

@step(outputs="data")
def write_behind_torch(data):
    data.numpy()[:] = 5
    return data
'''


@pytest.fixture(autouse=True)
def _steps() -> None:
    Path("steps.py").write_text(STEPS)


def recipe(*steps: object) -> dict[str, Any]:
    return {"recipe": "r", "plugins": ["steps.py"], "steps": list(steps)}


def saved(kind: str, table: torch.Tensor) -> str:
    """A file of this kind that holds a table."""
    name = f"t.{kind}"
    if kind == "pt":
        torch.save(table, name)
    elif kind == "npy":
        np.save(name, table.numpy())
    else:
        save_file({"data": table}, name)
    return name


def own_bytes() -> int:
    """Memory of this process that is no file's."""
    found = re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def allocations(*steps: object) -> tuple[flowrun.Result, list[int]]:
    """What a run gives, and every change of the memory that torch has given out, in bytes."""
    torch.empty(1)
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        result = flowrun.run(recipe(*steps), record=False)
    events = profiler.profiler.kineto_results.events()
    changes = sorted(
        (event for event in events if event.name() == "[memory]"),
        key=lambda event: event.start_ns(),
    )
    return result, [change.nbytes() for change in changes]


def peak(changes: list[int]) -> int:
    total = highest = 0
    for change in changes:
        total += change
        highest = max(highest, total)
    return highest


@ON_LINUX
@pytest.mark.parametrize("record", [True, False], ids=["recorded", "not recorded"])
@pytest.mark.parametrize("kind", FORMATS)
def test_reading_a_few_rows_of_a_mapped_file_leaves_the_rest_on_disk(
    kind: str, record: bool
) -> None:
    source = saved(kind, torch.arange(ROWS * COLUMNS, dtype=torch.int32).reshape(ROWS, COLUMNS))
    before = own_bytes()
    steps = [{"load": {"source": source}}, {"split": {"train": 0.8}}, "read_some"]
    result = flowrun.run(recipe(*steps), record=record)
    assert own_bytes() - before < SIZE / 4
    assert result.values["taken"] < SIZE / 4
    batch = result.values["batch"]
    assert (batch - batch[:, :1]).unique(dim=0).tolist() == [list(range(COLUMNS))]


@pytest.mark.parametrize("kind", FORMATS)
def test_shuffle_copies_once_and_split_not_at_all(kind: str) -> None:
    source = saved(kind, torch.rand(ROWS, COLUMNS))
    steps = ({"load": {"source": source}}, "shuffle", {"split": {"train": 0.8}})
    result, changes = allocations(*steps)
    mappings = 1 if kind != "npy" else 0  # torch tells of its own as if they took memory
    assert sum(change >= SIZE for change in changes) == 1 + mappings
    shuffled = result.values["data"].untyped_storage().data_ptr()
    for name in ("X_train", "y_train", "X_val", "y_val"):
        assert result.values[name].untyped_storage().data_ptr() == shuffled


@pytest.mark.parametrize(
    ("targets", "copies"), [(["c"], 0), (["b", "c"], 0), (["a"], 0), (["b"], 1), (["c", "a"], 1)]
)
def test_split_copies_only_columns_that_lie_apart(targets: list[str], copies: int) -> None:
    lines = ["a,b,c", *("1.5,2.5,3.5" for _ in range(20))]
    Path("t.csv").write_text("\n".join(lines))
    options = {"train": 15, "targets": targets}
    result = flowrun.run(recipe({"load": {"source": "t.csv"}}, {"split": options}), record=False)
    table = result.values["data"]
    parts = [result.values[name] for name in ("X_train", "y_train")]
    taken = [part.untyped_storage().data_ptr() for part in parts]
    assert sum(address != table.untyped_storage().data_ptr() for address in taken) == copies
    row = {"a": 1.5, "b": 2.5, "c": 3.5}
    assert parts[1][0].tolist() == [row[name] for name in targets]
    assert parts[0][0].tolist() == [row[name] for name in row if name not in targets]


def test_normalize_holds_what_it_gives_and_a_block() -> None:
    source = saved("npy", torch.rand(ROWS, COLUMNS))
    steps = ({"load": {"source": source}}, {"split": {"train": 0.8}}, "normalize")
    result, changes = allocations(*steps)
    given = result.values["X_train"].nbytes + result.values["X_val"].nbytes
    assert given <= peak(changes) < given + 4 * 2**20


def test_a_check_foresees_what_normalize_takes() -> None:
    source = saved("npy", torch.rand(ROWS, COLUMNS))
    steps = ({"load": {"source": source}}, {"split": {"train": 0.8}}, "normalize")
    (forecast,) = flowrun.check(recipe(*steps)).forecasts
    _, changes = allocations(*steps)
    assert forecast.bytes == pytest.approx(peak(changes), rel=0.05)


def normalized(table: torch.Tensor) -> dict[str, Any]:
    source = saved("pt", table)
    steps = ({"load": {"source": source}}, {"split": {"train": 0.75}}, "normalize")
    return dict(flowrun.run(recipe(*steps), record=False).values)


@pytest.mark.parametrize(
    ("dtype", "mean"),
    [(torch.float64, 0.0), (torch.float64, -1e9), (torch.float32, 0.0), (torch.float32, 1e4)],
)
def test_the_statistics_of_many_blocks_are_exact(dtype: torch.dtype, mean: float) -> None:
    generator = torch.Generator().manual_seed(3)
    scale = torch.tensor([1.0, 1e-3, 1e3, 1e5], dtype=torch.float64)
    table = torch.randn(200_000, 4, generator=generator, dtype=torch.float64) * scale + mean
    table[:, 0] += torch.linspace(0, 50, len(table), dtype=torch.float64)  # blocks differ
    table = table.to(dtype)
    values = normalized(table)
    X = table[:150_000, :-1].double()
    centred = X - X[0]  # so that float64 has all digits of the deviations
    tolerance = {"rtol": 1e-12 if dtype is torch.float64 else 6e-8, "atol": 0.0}
    mean_of, std_of = X[0] + centred.mean(0), centred.std(0)
    for found, expected in ((values["mean"], mean_of), (values["std"], std_of)):
        torch.testing.assert_close(found.double(), expected, **tolerance)
    same = (table[:150_000, :-1] - values["mean"]) / values["std"]
    assert torch.equal(values["X_train"], same)


def test_a_column_that_changes_in_the_last_block_alone_is_not_constant() -> None:
    table = torch.full((200_000, 3), 0.1)
    table[149_999, 0] = 0.2
    values = normalized(table)
    assert values["std"][0] == pytest.approx(0.1 / 150_000**0.5, rel=1e-3)
    assert values["std"][1] == 1
    assert values["X_train"][:, 1].count_nonzero() == 0


def test_a_file_that_is_replaced_while_it_is_mapped_changes_no_value() -> None:
    np.save("t.npy", np.ones((4, 2), np.float32))
    steps = recipe(
        {"load": {"source": "t.npy"}}, {"replace_file": {"path": str(Path("t.npy").absolute())}},
        "first_row",
    )  # fmt: skip
    first = flowrun.run(steps)
    assert first.values["first"].tolist() == [[1, 1]]
    again = flowrun.run(recipe({"load": {"source": "t.npy"}}, "first_row"))
    assert again.values["first"].tolist() == [[9, 9]]
    digests = [run.record["steps"][0]["digests"]["data"] for run in (first, again)]
    assert digests[0] != digests[1]


@pytest.mark.parametrize("kind", FORMATS)
def test_what_a_step_writes_to_a_mapped_table_never_reaches_the_file(kind: str) -> None:
    source = saved(kind, torch.ones(4, 2))
    content = Path(source).read_bytes()
    with pytest.raises(StepError, match="has changed its input `data` in place"):
        flowrun.run(recipe({"load": {"source": source}}, "write_to_input"))
    assert Path(source).read_bytes() == content
    result = flowrun.run(recipe({"load": {"source": source}}, "write_behind_torch"))
    assert result.values["data"].tolist() == [[5, 5]] * 4
    assert Path(source).read_bytes() == content

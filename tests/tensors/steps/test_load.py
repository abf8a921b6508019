"""`load` and `save`: what each source gives, and what a damaged one says."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import flowrun
from flowrun import RecipeError, StepError
from flowrun_tensors.formats.csv_engine import LARGE

Write = Callable[[str, str], Path]
Sized = Callable[[str], str]


def load(source: str | Path, **options: object) -> dict[str, Any]:
    """The values that `load` gives for a source."""
    recipe = {"recipe": "r", "steps": [{"load": {"source": str(source), **options}}]}
    return flowrun.run(recipe).values


def failure(source: str | Path, **options: object) -> str:
    with pytest.raises(StepError) as caught:
        load(source, **options)
    return caught.value.message


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("header", [True, False])
def test_delimiter_and_header_of_text_are_found(write: Write, delimiter: str, header: bool) -> None:
    lines = [["a b", "c_1", '"d"']] if header else []
    lines += [["1", "-2.5", "3e2"], [" 4", "5.0 ", "+6"]]
    path = write("t.csv", "\n".join(delimiter.join(cells) for cells in lines) + "\n\n")
    values = load(path)
    assert values["data"].tolist() == [[1, -2.5, 300], [4, 5, 6]]
    assert values["data"].dtype == torch.float32
    assert values["columns"] == (["a b", "c_1", "d"] if header else None)


def test_delimiter_and_header_of_text_can_be_given(write: Write) -> None:
    path = write("t.txt", "1:2\n3:4\n")
    values = load(path, delimiter=":", header=True)
    assert (values["data"].tolist(), values["columns"]) == ([[3, 4]], ["1", "2"])


def test_text_is_read_as_the_recipes_dtype(write: Write) -> None:
    write("t.csv", "0.1\n")
    recipe = {"recipe": "r", "dtype": "float64", "steps": [{"load": {"source": "t.csv"}}]}
    assert flowrun.run(recipe).values["data"].item() == 0.1


@pytest.fixture(params=["small", "large", "large, without an engine"])
def sized(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Sized:
    """Makes of a text one that is read by the engine, or one that would be, were one installed."""
    if request.param == "large, without an engine":
        monkeypatch.setitem(sys.modules, "pyarrow", None)

    def add_rows(text: str) -> str:
        row = "1;2\n" if ";" in text else "1,2\n"
        is_table = len(text.splitlines()) > 1
        return text + row * (LARGE // 4) if is_table and request.param != "small" else text

    return add_rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,x\n", "line 3, column 2 (b): `x` is not a finite number"),
        ("1,2\n\n3,x\n", "line 3, column 2: `x`"),
        ("a,b\n1,\n", "line 2, column 2 (b): the cell is empty"),
        ("a,b\n1,nan\n", "line 2, column 2 (b): `nan` is not a finite number"),
        ("1,2\n\n\n3,inf\n", "column 2: `inf` is not a finite number"),
        ("a,b\n1,1_000\n", "line 2, column 2 (b): `1_000`"),
        ("a;b\n1;2,5\n", "decimals need a point, not a comma"),
        ("a,b\n1,2\n3\n", "line 3: 1 cell, but the first line has 2"),
        ("a,b\n", "no rows below"),
        ("", "is empty"),
        ('a,b\n"1,2\n', "cannot be read as delimited text"),
    ],
)
def test_a_bad_cell_is_named_by_line_and_column(
    write: Write, sized: Sized, text: str, message: str
) -> None:
    assert message in failure(write("t.csv", sized(text)))


def test_text_that_is_not_utf8_is_an_error(sized: Sized) -> None:
    Path("t.csv").write_bytes(b"caf\xe9,b\n" + sized("1,2\n3,4\n").encode())
    assert "not UTF-8" in failure("t.csv")
    Path("t.csv").write_bytes(sized("1,2\n3,4\n").encode() + b"5,caf\xe9\n")
    assert "not UTF-8" in failure("t.csv")
    assert "not UTF-8" in failure("t.csv")


def test_a_torch_file_keeps_its_dtype() -> None:
    torch.save(torch.arange(6).reshape(2, 3), "t.pt")
    assert load("t.pt")["data"].dtype == torch.int64


def test_a_torch_file_of_an_older_form_is_read() -> None:
    torch.save(torch.ones(2, 2), "t.pt", _use_new_zipfile_serialization=False)
    assert load("t.pt")["data"].tolist() == [[1, 1], [1, 1]]


class Trap:
    """An object that acts when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch sprung",)


def test_a_torch_file_never_runs_code() -> None:
    torch.save({"data": Trap()}, "t.pt")
    assert "only plain tensors are loaded" in failure("t.pt")
    assert not Path("sprung").exists()


def test_named_values_are_taken_from_files_that_hold_several() -> None:
    tensors = {"X": torch.ones(2, 2), "y": torch.zeros(2)}
    torch.save(tensors, "t.pt")
    save_file(tensors, "t.safetensors")
    for source in ("t.pt", "t.safetensors"):
        values = load(source, values=["y", "X"])
        assert list(values) == ["y", "X"]
        assert torch.equal(values["X"], tensors["X"])
        assert "it holds: X, y" in failure(source)


def test_a_lone_tensor_goes_by_the_name_the_recipe_gives_it() -> None:
    torch.save(torch.ones(2, 2), "t.pt")
    assert list(load("t.pt", values=["X_train"])) == ["X_train"]
    assert "holds no `X`" in failure("t.pt", values=["X", "y"])


def test_a_safetensors_file_of_one_tensor_is_the_data() -> None:
    save_file({"anything": torch.ones(2, 2)}, "t.safetensors")
    assert load("t.safetensors")["data"].tolist() == [[1, 1], [1, 1]]


def test_a_truncated_safetensors_file_is_an_error() -> None:
    save_file({"X": torch.ones(200, 2)}, "t.safetensors")
    Path("t.safetensors").write_bytes(Path("t.safetensors").read_bytes()[:-20])
    assert "not a whole safetensors file" in failure("t.safetensors")


def test_a_numpy_file_shares_its_memory_and_stays_as_it_is() -> None:
    np.save("t.npy", np.arange(6.0).reshape(2, 3))
    data = load("t.npy")["data"]
    assert data.tolist() == [[0, 1, 2], [3, 4, 5]]
    data += 1
    assert np.load("t.npy")[0, 0] == 0


def test_a_numpy_file_of_objects_is_refused() -> None:
    np.save("t.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    assert "cannot be read as arrays of numbers" in failure("t.npy")
    assert "save an array of numbers: numpy.array(values, dtype='float64')" in failure("t.npy")


def test_numpy_files_in_another_byte_order_are_read() -> None:
    array = np.arange(6.0).reshape(3, 2)
    np.save("t.npy", array.astype(">f8"))
    np.savez("t.npz", x=array.astype(">f4"), n=np.arange(3).astype(">i8"))
    assert load("t.npy")["data"].tolist() == array.tolist()
    values = load("t.npz", values=["x", "n"])
    assert values["x"].tolist() == array.tolist()
    assert values["n"].tolist() == [0, 1, 2]
    assert (values["x"].dtype, values["n"].dtype) == (torch.float32, torch.int64)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.ones(2), "n": np.array(["x"])}, "`n` holds text (<U1)\n"),
        ({"n": np.zeros(1, "M8[D]")}, "`n` holds dates (datetime64[D])\n"),
        ({"n": np.zeros(1, "i4,f8")}, "`n` holds records ("),
        ({"n": np.zeros(1, "g")}, "`n` holds numbers torch lacks ("),
        (
            {"row": [0], "col": [0], "format": np.array(b"coo"), "shape": [1, 1], "data": [1.0]},
            "it is a sparse matrix of scipy\n    save it as an array: numpy.save('table.npy', "
            "matrix.toarray())",
        ),
    ],
)
def test_arrays_that_are_no_numbers_are_named_with_the_way_on(
    arrays: dict[str, object], message: str
) -> None:
    np.savez("t.npz", **arrays)
    assert message in failure("t.npz")
    assert not Path("sprung").exists()


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("nope.csv", {}, "there is no file"),
        ("wine-rde", {}, "no data set `wine-rde` (there are: wine-red, wine-white)"),
        ("t.xyz", {}, "no format for files named *.xyz\n    the formats there are: .csv"),
        ("http://example.org/t.csv", {}, "only https addresses"),
        ("ftp://example.org/t.csv", {"sha256": "0" * 64}, "goes with an https address"),
        ("https://example.org/t.csv", {}, "needs its `sha256`"),
        ("https://example.org/t.csv", {"sha256": "0" * 64}, "FLOWRUN_OFFLINE is set"),
        ("wine-red", {"sha256": "0" * 64}, "goes with an https address"),
        ("t.pt", {"delimiter": ","}, "`delimiter` means nothing for torch files"),
        (".", {}, "has no saved values"),
    ],
)
def test_a_source_that_cannot_be_had_says_why(
    source: str, options: dict[str, object], message: str
) -> None:
    Path("t.xyz").write_text("1")
    torch.save(torch.ones(1, 1), "t.pt")
    assert message in failure(source, **options)


SAVE = '''
import torch
from flowrun import step

@step(outputs=("params", "metrics", "notes", "odd"))
def make(*, scale: float = 1.0):
    """Make values of every kind that can be saved, and one that cannot."""
    deep = {"list": [torch.ones(2) * scale, 3, None], "empty": {}}
    return {"W1": torch.ones(2, 3).T * scale, "b": deep}, {"mae": 0.5}, "text", {1, 2}
'''


def save(*values: str, scale: float = 1.0) -> flowrun.Result:
    Path("make.py").write_text(SAVE)
    steps = [{"make": {"scale": scale}}, {"save": {"to": "out", "values": list(values)}}]
    return flowrun.run({"recipe": "r", "plugins": ["make.py"], "steps": steps})


def test_saved_values_come_back_as_they_were() -> None:
    saved = save("params", "metrics", "notes").values
    loaded = load("out", values=["params", "metrics", "notes"])
    assert torch.equal(loaded["params"]["W1"], saved["params"]["W1"])
    assert torch.equal(loaded["params"]["b"]["list"][0], torch.ones(2))
    assert loaded["params"]["b"]["list"][1:] == [3, None]
    assert loaded["params"]["b"]["empty"] == {}
    assert (loaded["metrics"], loaded["notes"]) == ({"mae": 0.5}, "text")


SHARED = """
import torch
from flowrun import step

@step(outputs=("table", "same", "top", "left"))
def share():
    table = torch.arange(12.0).reshape(4, 3)
    return table, table, table[:2], table[:, :2]
"""


@pytest.mark.parametrize("to", ["out", "out.safetensors", "out.pt", "out.npz"])
def test_values_that_share_memory_come_back_each_on_its_own(write: Write, to: str) -> None:
    write("share.py", SHARED)
    names = ["table", "same", "top", "left"]
    steps = ["share", {"save": {"to": to, "values": names}}]
    saved = flowrun.run({"recipe": "r", "plugins": ["share.py"], "steps": steps}).values
    loaded = load(to, values=names)
    for name in names:
        assert torch.equal(loaded[name], saved[name])


def test_a_saved_folder_says_what_it_holds_to_a_step_that_needs_one_of_its_values() -> None:
    save("params", "metrics")
    Path("named.yaml").write_text(
        "recipe: r\nsteps:\n  - load: {source: out}\n  - predict\n  - show: [y_hat]\n"
    )
    with pytest.raises(flowrun.RecipeError) as caught:
        flowrun.plan("named.yaml")
    first, second = caught.value.problems
    assert str(first.mark) == "named.yaml:3:20"
    assert first.message.endswith("out holds no `data`; it holds: params, metrics")
    assert first.hint == "name what you want: `values: [params, metrics]`"
    assert second.message == "predict needs `params`, and no step above it gives that"
    assert second.hint == "what is wrong above may be the reason"


def test_save_replaces_what_stood_there_and_leaves_nothing_behind() -> None:
    save("params")
    Path("out/mine.txt").write_text("a file of the user's")
    record = save("params", scale=2.0).record
    assert load("out", values=["params"])["params"]["W1"].tolist() == [[2, 2], [2, 2], [2, 2]]
    names = sorted(path.name for path in Path("out").iterdir())
    assert [name.partition("-")[0] for name in names] == ["mine.txt", "tensors", "values.json"]
    assert len(record["steps"][1]["files_written"]) == 2


def test_a_value_that_cannot_be_saved_leaves_the_old_ones() -> None:
    save("params")
    with pytest.raises(StepError, match="`odd` is a set, which save cannot keep"):
        save("params", "odd", scale=2.0)
    assert load("out", values=["params"])["params"]["W1"][0, 0] == 1


def test_a_damaged_folder_says_so() -> None:
    save("params", "metrics")
    index = json.loads(Path("out/values.json").read_text())
    tensors = Path("out", index["tensors"])
    tensors.write_bytes(tensors.read_bytes()[:-4])
    assert "cannot be read" in failure("out", values=["params"])
    Path("out/values.json").write_text("{")
    assert "cannot be read" in failure("out", values=["metrics"])


def test_save_into_a_file_is_refused() -> None:
    Path("out").write_text("a file")
    with pytest.raises(StepError, match="is a file, and the values need a folder"):
        save("params")
    assert Path("out").read_text() == "a file"


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pt", ".safetensors"])
def test_tensors_are_saved_to_one_file_by_its_suffix(suffix: str) -> None:
    torch.save({"x": torch.arange(6.0).reshape(2, 3).T, "y": torch.ones(2)}, "in.pt")
    names = ["x"] if suffix == ".npy" else ["x", "y"]
    steps = [
        {"load": {"source": "in.pt", "values": ["x", "y"]}},
        {"save": {"to": f"deep/out{suffix}", "values": names}},
    ]
    flowrun.run({"recipe": "r", "steps": steps})
    loaded = load(f"deep/out{suffix}", values=["data"] if suffix == ".npy" else names)
    assert loaded[next(iter(loaded))].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert [path.name for path in Path("deep").iterdir()] == [f"out{suffix}"]


@pytest.mark.parametrize(
    ("to", "values", "message"),
    [
        ("out.csv", ["params"], "only read, not written"),
        ("out.npy", [], "name the values to save in out.npy"),
        ("out.pt", ["notes"], "`notes` is a str"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(to: str, values: list[str], message: str) -> None:
    Path("make.py").write_text(SAVE)
    steps = ["make", {"save": {"to": to, "values": values}}]
    with pytest.raises(StepError, match=message):
        flowrun.run({"recipe": "r", "plugins": ["make.py"], "steps": steps})
    assert not Path(to).exists()


def test_a_missing_file_with_the_name_of_a_data_set_and_a_suffix_is_explained() -> None:
    message = failure("wine-red.pt")
    assert (
        "`wine-red` is a named data set, loaded without a suffix: `load: {source: wine-red}`"
        in (message)
    )
    assert "if another recipe saves wine-red.pt, run that one first" in message


def test_a_file_in_a_folder_for_data_sets_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine").mkdir()
    Path("mine/wine-red.pt").touch()
    monkeypatch.setenv("FLOWRUN_DATA_PATH", "nowhere:mine")
    message = failure("wine-red.pt")
    assert "FLOWRUN_DATA_PATH is searched for named data sets alone" in message
    assert "for mine/wine-red.pt write its path from the recipe's folder" in message


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_a_dict_of_a_file_has_the_keys_of_the_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"w.{suffix}"
    (torch.save if suffix == "pt" else save_file)({"weight": torch.ones(1, 3)}, path)
    found = load(path, into="state", names={"w": "weight", "lone": "data"})
    assert list(found["state"]) == ["weight"]
    torch.nn.Linear(3, 1, bias=False).load_state_dict(found["state"])
    assert found["w"].shape == found["lone"].shape == (1, 3)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"values": ["w"], "names": {"w": "x"}}, "`w` is an output by `values` and by `names`"),
        ({"values": ["w"], "into": "w"}, "`w` is an output by `values` and by `into`"),
        ({"names": {"v": "x"}, "into": "v"}, "`v` is an output by `names` and by `into`"),
    ],
)
def test_two_values_of_one_name_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        load("w.pt", **options)

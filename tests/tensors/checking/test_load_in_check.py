"""`load` and `save` in a check: what a run would give, and nothing is read, fetched or written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pooch
import pytest
import torch
from safetensors.torch import save_file
from torch._subclasses.fake_tensor import FakeTensorMode

import flowrun
from flowrun import CheckContext, DataError, FlowrunError, NeedsDataError, StepError, Unknown
from flowrun.running.context import ContextState

Write = Callable[[str, str], Path]
Steps = list[dict[str, dict[str, Any]]]


@pytest.fixture(autouse=True)
def _nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a check downloads nothing")

    monkeypatch.setattr(pooch, "retrieve", refuse)


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the network may be asked."""
    monkeypatch.delenv("FLOWRUN_OFFLINE")


def checked(
    steps: Steps,
    values: dict[str, Any] | None = None,
    *,
    standin: bool = True,
    device: str = "cpu",
    dtype: str = "float32",
    plugins: tuple[str, ...] = (),
    promised: dict[Path, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The values by name after a check of steps that load and save, one after the other."""
    values = values or {}
    recipe = {"recipe": "r", "steps": steps}
    planned = flowrun.plan(_with_givers(recipe, values), plugins=plugins)
    promised = {} if promised is None else promised
    with FakeTensorMode() as mode:
        flow: dict[str, Any] = faked(values, mode)
        for one in planned.steps[len(values) :]:
            state = ContextState(
                one.id, one.seed, device, dtype, Path.cwd(), standin=standin,
                registry=planned.registry,
            )  # fmt: skip
            ctx = CheckContext(state, _NO_MODE, promised)
            wires = one.wires
            taken = [] if wires.named is None else [{n: flow[s] for n, s in wires.named.items()}]
            assert one.step.shape_function is not None
            returned = one.step.shape_function(*taken, **one.keywords, ctx=ctx)
            flow.update(returned or {})
    return flow


_NO_MODE: Any = SimpleNamespace(mapped=nullcontext, repeated=lambda times: nullcontext())


def _with_givers(recipe: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The recipe with steps before it that give these names; none of them is called."""
    givers = [
        {"tensor": {"values": [0.0]}, "id": f"give_{name}", "out": {"values": name}}
        for name in values
    ]
    return {**recipe, "steps": [*givers, *recipe["steps"]]}


def faked(value: Any, mode: FakeTensorMode) -> Any:
    """The value, each tensor in it without its data."""
    if isinstance(value, torch.Tensor):
        return mode.from_tensor(value)
    if isinstance(value, dict):
        return {name: faked(item, mode) for name, item in value.items()}
    return [faked(item, mode) for item in value] if isinstance(value, list) else value


def described(value: Any) -> Any:
    """A value, each tensor in it replaced by its shape, dtype, strides and device."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape), value.dtype, value.stride(), str(value.device)
    if isinstance(value, dict):
        return {name: described(item) for name, item in value.items()}
    return [described(item) for item in value] if isinstance(value, list) else value


def load(source: str | Path, **options: Any) -> Steps:
    return [{"load": {"source": str(source), **options}}]


def assert_as_in_a_run(steps: Steps, **more: Any) -> None:
    found = checked(steps, **more)
    run = flowrun.run({"recipe": "r", "steps": steps, "dtype": more.get("dtype", "float32")})
    assert {name: described(found[name]) for name in found} == {
        name: described(run.values[name]) for name in found
    }


def assert_fails_as_in_a_run(steps: Steps) -> None:
    with pytest.raises(FlowrunError) as in_check:
        checked(steps)
    with pytest.raises(StepError) as in_run:
        flowrun.run({"recipe": "r", "steps": steps})
    assert not isinstance(in_check.value, NeedsDataError)
    assert str(in_check.value) == in_run.value.message


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_text_has_the_dtype_of_the_recipe(write: Write, dtype: str) -> None:
    write("t.csv", "a;b\n1;2\n3;4\n")
    assert_as_in_a_run(load("t.csv"), dtype=dtype)


def test_settings_reach_the_header(write: Write) -> None:
    write("t.txt", "1:2\n3:4\n")
    assert_as_in_a_run(load("t.txt", delimiter=":", header=True))
    assert_as_in_a_run(load("t.txt", delimiter=":"))


def test_values_are_taken_by_name_as_in_a_run() -> None:
    tensors = {"X": torch.ones(2, 2), "y": torch.zeros(2, dtype=torch.int64)}
    torch.save({**tensors, "n": 3}, "t.pt")
    save_file(tensors, "t.safetensors")
    np.savez("t.npz", **{name: tensor.numpy() for name, tensor in tensors.items()})
    torch.save(torch.ones(3, 2).T, "lone.pt")
    for steps in (
        load("t.pt", values=["n", "X"]),
        load("t.safetensors", values=["y"]),
        load("t.npz", values=["y", "X"]),
        load("lone.pt"),
        load("lone.pt", values=["X_train"]),
    ):
        assert_as_in_a_run(steps)


def test_values_are_on_the_steps_device_though_it_is_not_here() -> None:
    torch.save(torch.ones(2, 2), "t.pt")
    assert str(checked(load("t.pt"), device="cuda:0")["data"].device) == "cuda:0"


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("nope.csv", {}),
        ("t.pf", {}),
        ("wine-rde", {}),
        ("t.xyz", {}),
        ("t.csv", {"values": ["X", "y"]}),
        ("t.csv", {"sha256": "0" * 64}),
        ("empty.csv", {}),
        ("bad.csv", {}),
        ("t.pt", {"delimiter": ","}),
        ("t.pt", {"values": ["X", "y"]}),
        ("http://example.org/t.csv", {}),
        ("ftp://example.org/t.csv", {"sha256": "0" * 64}),
        ("https://example.org/t.csv", {}),
        ("https://example.org/t.csv", {"sha256": "0" * 64}),
        ("wine-red", {"sha256": "0" * 64}),
        (".", {}),
    ],
)
def test_a_source_that_cannot_be_had_fails_in_the_same_words(
    write: Write, source: str, options: dict[str, Any]
) -> None:
    write("t.xyz", "1")
    write("t.csv", "1,2\n")
    write("empty.csv", "")
    write("bad.csv", "1,2\n3,x\n")
    torch.save(torch.ones(1, 1), "t.pt")
    assert_fails_as_in_a_run(load(source, **options))


@pytest.mark.usefixtures("online")
def test_a_data_set_that_is_not_here_has_the_shapes_of_its_stand_in() -> None:
    found = checked(load("wine-red"))
    assert found["data"].shape == (1599, 12)
    assert len(found["columns"]) == 12


@pytest.mark.usefixtures("online")
def test_a_data_set_without_a_stand_in_needs_the_download() -> None:
    with pytest.raises(NeedsDataError, match="`wine-red` is not downloaded in a check"):
        checked(load("wine-red"), standin=False)


def test_a_data_set_that_cannot_be_downloaded_is_an_error() -> None:
    with pytest.raises(DataError, match="FLOWRUN_OFFLINE is set"):
        checked(load("wine-red"), standin=False)


def test_a_file_of_another_sum_is_an_error(monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
    write("data/winequality-red.csv", "1,2\n")
    monkeypatch.setenv("FLOWRUN_DATA_PATH", "data")
    assert_fails_as_in_a_run(load("wine-red"))


def test_a_large_file_of_a_data_set_is_not_summed_up(
    monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    path = write("data/winequality-red.csv", "a,b\n" + "1,2\n" * (5 * 2**20))
    monkeypatch.setenv("FLOWRUN_DATA_PATH", str(path.parent))
    assert checked(load("wine-red"))["data"].shape == (5 * 2**20, 2)


@pytest.mark.usefixtures("online")
def test_an_address_is_looked_for_in_the_cache_and_not_fetched(write: Write) -> None:
    text = "a,b\n1,2\n"
    digest = sha256(text.encode()).hexdigest()
    steps = load("https://example.org/t.csv", sha256=digest)
    with pytest.raises(NeedsDataError, match="is not downloaded in a check"):
        checked(steps)
    write(f"cache/{digest[:16]}-t.csv", text)
    assert_as_in_a_run(steps)


PAIRS = """
import torch
from flowrun import Format, hookimpl

def read_pairs(path):
    return {"data": torch.tensor([[1.0, 2.0]] * len(path.read_bytes()))}

@hookimpl
def flowrun_formats():
    return [Format("pairs", (".pairs",), read_pairs, lambda path, named: None)]
"""


def test_a_small_file_of_a_format_without_header_is_read(write: Write) -> None:
    write("pairs.py", PAIRS)
    write("t.pairs", "123")
    assert checked(load("t.pairs"), plugins=("./pairs.py",))["data"].shape == (3, 2)


def test_a_large_file_of_a_format_without_header_needs_its_data(write: Write) -> None:
    write("pairs.py", PAIRS)
    with Path("t.pairs").open("wb") as file:
        file.truncate(17 * 2**20)
    with pytest.raises(NeedsDataError, match=r"t\.pairs is large, and its format"):
        checked(load("t.pairs"), plugins=("./pairs.py",))


@pytest.fixture
def nothing_written() -> Iterator[None]:
    """The folder is as it was, its times included."""

    def contents() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in Path().rglob("*")}

    before = contents()
    yield
    assert contents() == before


VALUES = {
    "x": torch.arange(6.0).reshape(2, 3).T,
    "y": torch.ones(4, dtype=torch.int64),
    "deep": {"list": [torch.ones(2), 3, None], 1: (True, "text"), "empty": {}},
}


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("to", ["out", "deep/out"])
def test_what_is_saved_to_a_folder_is_loaded_from_there(to: str) -> None:
    values = {**VALUES, "n": 3, "loss": Unknown("float")}
    names = list(values)
    steps: Steps = [{"save": {"to": to, "values": names}}, *load(to, values=names)]
    found = checked(steps, values)
    assert described(found["x"]) == ((3, 2), torch.float32, (2, 1), "cpu")
    assert described(found["deep"]["list"]) == [((2,), torch.float32, (1,), "cpu"), 3, None]
    assert (found["deep"]["1"], found["deep"]["empty"], found["n"]) == ([True, "text"], {}, 3)
    assert isinstance(found["loss"], Unknown)


@pytest.mark.parametrize("names", [["x"], ["x", "y"]], ids=["one", "two"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".npy", ".npz"])
def test_what_is_saved_to_a_file_is_loaded_as_in_a_run(suffix: str, names: list[str]) -> None:
    values = {name: VALUES[name] for name in names}
    torch.save({**values, "more": 1}, "in.pt")
    save: Steps = [{"save": {"to": f"out/t{suffix}", "values": names}}]
    steps = [*load("in.pt", values=names), *save, *load(f"out/t{suffix}", values=names)]
    found = checked(steps)
    assert not Path("out").exists()
    run = flowrun.run({"recipe": "r", "steps": steps}).values
    assert {name: described(found[name]) for name in names} == {
        name: described(run[name]) for name in names
    }


def test_what_is_saved_takes_the_place_of_what_lies_there() -> None:
    torch.save(torch.ones(7), "t.pt")
    steps = [{"save": {"to": "t.pt", "values": ["x"]}}, *load("t.pt")]
    assert checked(steps, {"x": torch.ones(2)})["data"].shape == (2,)


def test_what_one_recipe_saves_the_next_one_loads() -> None:
    promised: dict[Path, dict[str, Any]] = {}
    for to in ("out", "out.npz"):
        save: Steps = [{"save": {"to": to, "values": ["x"]}}]
        checked(save, {"x": torch.ones(2, 3)}, promised=promised)
        loaded = checked(load(to, values=["x"]), promised=promised)
        assert described(loaded["x"]) == ((2, 3), torch.float32, (3, 1), "cpu")


def test_a_folder_that_was_saved_before_tells_its_values() -> None:
    torch.save({"x": torch.ones(2, 3), "n": 3}, "in.pt")
    names = ["x", "n"]
    save = [*load("in.pt", values=names), {"save": {"to": "out", "values": names}}]
    flowrun.run({"recipe": "r", "steps": save})
    assert_as_in_a_run(load("out", values=names))
    assert_fails_as_in_a_run(load("out", values=["z"]))
    for damage in (b"", b'{"tensors": "nope"}', b"{"):
        Path("out/values.json").write_bytes(damage)
        assert_fails_as_in_a_run(load("out", values=names))


def test_tensors_cut_short_in_a_folder_are_an_error() -> None:
    torch.save({"x": torch.ones(2, 3), "n": 3}, "in.pt")
    steps = [*load("in.pt", values=["x", "n"]), {"save": {"to": "out", "values": ["x", "n"]}}]
    flowrun.run({"recipe": "r", "steps": steps})
    (tensors,) = Path("out").glob("*.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:-1])
    assert_fails_as_in_a_run(load("out", values=["x"]))


def test_a_file_in_a_folder_that_is_saved_above_is_not_known() -> None:
    steps = [{"save": {"to": "out", "values": ["x"]}}, *load("out/tensors-0.safetensors")]
    with pytest.raises(NeedsDataError, match="lies in a folder that a step above writes"):
        checked(steps, {"x": torch.ones(2)})


def test_what_another_plugins_format_makes_of_values_is_not_known(write: Write) -> None:
    write("pairs.py", PAIRS)
    steps = [{"save": {"to": "t.pairs", "values": ["x"]}}, *load("t.pairs")]
    with pytest.raises(NeedsDataError, match=r"only its format \(pairs\) knows"):
        checked(steps, {"x": torch.ones(2)}, plugins=("./pairs.py",))


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    ("to", "names", "message"),
    [
        ("t.csv", ["x"], "only read, not written"),
        ("t.npy", [], "name the values to save in t.npy"),
        ("t.pt", ["n"], "`n` is a int, and a file of this kind holds tensors alone"),
        ("t.pt", ["x", "loss"], "`loss` is a float, and a file of this kind"),
        ("out", ["odd"], "`odd` is a set, which save cannot keep"),
        ("out", ["wide"], "`wide` is complex128, which a safetensors file cannot hold"),
        ("t.safetensors", ["wide"], "`wide` is complex128"),
        ("t.npy", ["half"], "`half` is bfloat16, which NumPy does not have"),
    ],
)
def test_what_cannot_be_saved_is_refused(to: str, names: list[str], message: str) -> None:
    values = {
        "x": torch.ones(2),
        "wide": torch.ones(2, dtype=torch.complex128),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "n": 3, "odd": {1, 2}, "loss": Unknown("float"), "columns": None,
    }  # fmt: skip
    with pytest.raises(FlowrunError, match=message):
        checked([{"save": {"to": to, "values": names}}], values)


def test_a_tensor_of_unknown_shape_stays_unknown_in_a_file() -> None:
    steps = [{"save": {"to": "t.pt", "values": ["x"]}}, *load("t.pt")]
    assert isinstance(checked(steps, {"x": Unknown("tensor")})["data"], Unknown)


@pytest.mark.parametrize(
    ("to", "error"),
    [("file", DataError), ("file/out", NotADirectoryError), ("folder.pt", IsADirectoryError)],
)
def test_a_target_that_cannot_be_written_is_an_error(
    write: Write, to: str, error: type[Exception]
) -> None:
    write("file", "text")
    Path("folder.pt").mkdir()
    with pytest.raises(error):
        checked([{"save": {"to": to, "values": ["x"]}}], {"x": torch.ones(2)})
    torch.save(torch.ones(2), "in.pt")
    steps = [*load("in.pt", values=["x"]), {"save": {"to": to, "values": ["x"]}}]
    with pytest.raises(StepError):
        flowrun.run({"recipe": "r", "steps": steps})


def test_a_folder_that_may_not_be_written_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked of the system, whose answer is given here: permissions do not bind every user."""
    Path("closed").mkdir()
    asked: list[tuple[Path, int]] = []

    def access(path: Path, mode: int) -> bool:
        asked.append((path, mode))
        return False

    monkeypatch.setattr(os, "access", access)
    for to in ("closed/deep/out", "closed/t.pt"):
        with pytest.raises(PermissionError, match="closed"):
            checked([{"save": {"to": to, "values": ["x"]}}], {"x": torch.ones(2)})
    assert asked == [(Path.cwd() / "closed", os.W_OK | os.X_OK)] * 2

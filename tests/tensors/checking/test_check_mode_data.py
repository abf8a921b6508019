"""What looks at data in a check: unknown, refused, or known from the code."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from flowrun import CheckMode, NeedsDataError, Unknown
from flowrun_tensors.checking import check_mode, fake_tensors
from tests import sampling

Code = Callable[[], Any]


FIVES = torch.tensor([5.0, 5.0])


def on_cpu() -> CheckMode:
    return check_mode(("cpu",), {"cpu": ""})


def test_numbers_of_a_tensor_are_unknown_and_pass_through() -> None:
    with on_cpu():
        x = torch.randn(5, 3)
        loss = x.mean().item()
        assert isinstance(loss, Unknown)
        assert loss.kind == "float"
        assert x[0].tolist() != []
        assert all(isinstance(item, Unknown) for item in x[0].tolist())
        assert torch.tensor([loss, loss]).dtype == torch.float32
        assert torch.tensor([x.argmax().item()]).dtype == torch.int64
        for made in (x * loss, loss * x, x - loss, 1.0 / (loss + x), x.clamp(max=loss)):
            assert made.shape == (5, 3)
            assert made.dtype == torch.float32
        assert (x.long() * loss).dtype == torch.float32


def test_a_tensor_is_printed_without_its_data() -> None:
    with on_cpu():
        x = torch.randn(5, 3)
        assert f"{x.mean():.3f}" == "?"
        assert str(x) == "tensor(?, size=(5, 3), dtype=torch.float32)"


def test_what_is_written_in_the_code_is_known() -> None:
    with on_cpu():
        assert torch.tensor(2.5).item() == 2.5
        assert FIVES.tolist() == [5.0, 5.0]


LOOKS: dict[str, Code] = {
    "float": lambda: float(torch.randn(1)),
    "if": lambda: bool((torch.randn(3) > 0).all()),
    "numpy": lambda: torch.randn(3).numpy(),
    "array": lambda: np.asarray(torch.randn(3)),
    "mask": lambda: (x := torch.randn(3))[x > 0],
    "nonzero": lambda: torch.randn(3).nonzero(),
    "unique": lambda: torch.unique(torch.randn(3)),
    "equal": lambda: torch.equal(torch.randn(3), torch.randn(3)),
    "long list": lambda: torch.randn(100_001).tolist(),
    "size": lambda: torch.zeros(torch.randn(3).argmax().item()),  # type: ignore[arg-type]
    "address": lambda: torch.randn(3).data_ptr(),
    "autocast of what is absent": lambda: torch.autocast("cuda"),
}


@pytest.mark.parametrize("name", LOOKS)
def test_what_must_look_at_data_says_so(name: str) -> None:
    mode = on_cpu()
    with mode, mode.watching(), pytest.raises(Exception) as found:  # noqa: PT011 - whatever it is
        LOOKS[name]()
    diagnosis = mode.diagnose(found.value)
    assert diagnosis is not None
    assert diagnosis.kind == "data"


def test_nothing_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "rows.pt"
    torch.save({"rows": FIVES}, path)
    before = path.read_bytes()
    with on_cpu(), pytest.raises(NeedsDataError, match="it writes a file"):
        torch.save({"rows": torch.randn(3)}, path)
    assert path.read_bytes() == before


def test_tensors_of_a_file_come_as_shapes(tmp_path: Path) -> None:
    torch.save({"W": torch.ones(3, 2, dtype=torch.float64)}, tmp_path / "W.pt")
    with on_cpu():
        weights = torch.load(tmp_path / "W.pt")["W"]
        assert (weights.shape, weights.dtype) == ((3, 2), torch.float64)
        assert isinstance(weights.sum().item(), Unknown)


def test_a_buffer_is_read_with_weights_only_as_torch_reads_it() -> None:
    buffer = io.BytesIO()
    with on_cpu():
        torch.save(torch.nn.Linear(3, 2), buffer)
        buffer.seek(0)
        with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
            torch.load(buffer)
        buffer.seek(0)
        module = torch.load(buffer, weights_only=False)
    assert module.weight.shape == (2, 3)


def test_one_tensor_of_a_buffer_is_one_in_all_places() -> None:
    buffer = io.BytesIO()
    with on_cpu():
        w = torch.nn.Parameter(torch.zeros(3, 2))
        torch.save({"w": w, "same": [w], "state": torch.nn.Linear(3, 2).state_dict()}, buffer)
        buffer.seek(0)
        found = torch.load(buffer)
    assert found["w"] is found["same"][0]
    assert isinstance(found["w"], torch.nn.Parameter)
    assert found["state"]["weight"].shape == (2, 3)


@pytest.mark.campaign
def test_a_loop_without_an_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def loop() -> None:
        x = torch.zeros(1)
        while True:
            x.add_(1)

    assert fake_tensors.MOST_OPERATIONS == 100_000
    most = sampling.examples(fake_tensors.MOST_OPERATIONS, sample=1_000)
    monkeypatch.setattr(fake_tensors, "MOST_OPERATIONS", most)
    mode = on_cpu()
    with mode, mode.watching(), pytest.raises(NeedsDataError, match=f" {most:,} operations"):
        loop()


def test_batches_in_random_order_have_their_shapes() -> None:
    with on_cpu():
        rows = torch.utils.data.TensorDataset(torch.randn(100, 3))
        loader = torch.utils.data.DataLoader(rows, batch_size=40, shuffle=True)
        assert [batch.shape for (batch,) in loader] == [(40, 3), (40, 3), (20, 3)]


def test_copies_are_tensors_of_their_own() -> None:
    with on_cpu():
        model = nn.Linear(3, 2)
        other = copy.deepcopy(model)
        assert isinstance(other.weight, nn.Parameter)
        assert other.weight is not model.weight
        assert copy.copy(torch.ones(3)).shape == (3,)


@pytest.mark.parametrize("read", ["load_file", "safe_open"])
def test_a_file_that_a_library_opens_itself_gives_what_is_unknown(
    read: str, tmp_path: Path
) -> None:
    file = str(tmp_path / "x.safetensors")
    save_file({"x": torch.ones(3)}, file)

    def opened() -> torch.Tensor:
        if read == "load_file":
            return load_file(file)["x"]
        with safe_open(file, framework="pt") as tensors:
            return torch.as_tensor(tensors.get_tensor("x"))

    with on_cpu() as mode:
        with pytest.raises(Exception, match="meta") as caught:
            opened() + torch.ones(3)
        found = mode.diagnose(caught.value)
    assert found is not None
    assert found.kind == "unsupported"


def test_a_mapped_file_has_the_length_that_it_has_in_a_run(tmp_path: Path) -> None:
    path = tmp_path / "few.bin"
    path.write_bytes(bytes(8))
    mode = on_cpu()
    with mode, mode.watching():
        assert torch.from_file(str(path), size=2).shape == (2,)
        with pytest.raises(RuntimeError, match=r"size <8> is smaller than .* <400>"):
            torch.from_file(str(path), size=100)
        with pytest.raises(RuntimeError, match="unable to open file"):
            torch.from_file(str(tmp_path / "none.bin"), size=1)
        with pytest.raises(NeedsDataError, match="writes a file"):
            torch.from_file(str(tmp_path / "none.bin"), shared=True, size=1)

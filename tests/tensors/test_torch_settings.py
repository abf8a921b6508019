"""torch's settings: those that differ from a fresh process's, and how they are set back."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import torch

from flowrun.plugins.process_settings import changed_settings, settings_restored
from flowrun_tensors.torch_settings import torch_settings


def test_none_differs_in_a_fresh_process() -> None:
    assert changed_settings(torch_settings()) == {}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("printing", lambda: torch.set_printoptions(precision=2, sci_mode=True)),
        ("deterministic algorithms", lambda: torch.use_deterministic_algorithms(True)),
        ("precision of float32", lambda: torch.set_float32_matmul_precision("medium")),
        (
            "precision of float32",
            lambda: setattr(torch.backends.cuda.matmul, "fp32_precision", "tf32"),
        ),
        ("number of threads", lambda: torch.set_num_threads(1000)),
        ("default device", lambda: torch.set_default_device("meta")),
        ("autocast", lambda: torch.set_autocast_enabled("cpu", True)),
        ("kernels", lambda: torch.backends.cuda.enable_flash_sdp(False)),
    ],
)
def test_a_changed_setting_is_shown_and_set_back(name: str, change: Callable[[], object]) -> None:
    settings = torch_settings()
    with settings_restored(settings):
        change()
        assert list(changed_settings(settings)) == [f"torch's {name}"]
    assert changed_settings(settings) == {}
    assert torch.get_float32_matmul_precision() == "highest"


def test_a_number_of_threads_that_is_not_the_usual_one_is_in_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = [one for one in torch_settings() if one.name == "torch's number of threads"]
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    assert changed_settings(settings) == {}
    with settings_restored(tuple(settings)):
        torch.set_num_threads(7 * (os.cpu_count() or 1))
        assert changed_settings(settings) != {}

"""A custom step written with no thought of checking is checked all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

import flowrun
from flowrun import CheckedStep
from tests.campaigns.checks.case import Stranger, everything_in
from tests.campaigns.checks.strangers_known import KNOWN
from tests.campaigns.checks.strangers_unknown import UNKNOWN
from tests.conftest import Flowrun

DEVICES = ("cpu", "cuda")


def checked_step(path: Path, device: str) -> tuple[CheckedStep, flowrun.Checked]:
    """The custom step of a recipe after its check, and the check."""
    checked = flowrun.check(path, device=device)
    return checked.steps[-1], checked


def by_title(stranger: Stranger) -> str:
    return stranger.title


def assert_is_told(found: dict[str, Any], value: Any, device: str) -> None:
    """What a check tells of an output is what the run gives."""
    if isinstance(value, dict):
        assert list(found["items"]) == list(value)
        for key, item in value.items():
            assert_is_told(found["items"][key], item, device)
    elif isinstance(value, torch.Tensor):
        assert list(found["shape"]) == list(value.shape)
        assert found["dtype"] == str(value.dtype).removeprefix("torch.")
        assert found["device"].partition(":")[0] == device
    elif isinstance(value, list):
        assert (found["type"], found["length"]) == ("list", len(value))
    else:
        assert found["type"] == type(value).__name__


@pytest.mark.campaign(every=2, kind=lambda stranger, device: stranger.title)
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("stranger", KNOWN, ids=by_title)
def test_what_looks_at_no_data_is_known_to_the_last_shape(
    stranger: Stranger, device: str, tmp_path: Path
) -> None:
    path = stranger.write(tmp_path)
    step, checked = checked_step(path, device)
    assert checked.findings == []
    assert step.state == "fits"
    values = flowrun.run(path, device="cpu", record=False).values
    for name, found in step.outputs.items():
        assert_is_told(found, values[name], device)


@pytest.mark.campaign(every=2, kind=lambda stranger, device: stranger.title)
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("stranger", UNKNOWN, ids=by_title)
def test_what_looks_at_its_data_is_unknown_with_the_reason_and_no_guess(
    stranger: Stranger, device: str, tmp_path: Path
) -> None:
    path = stranger.write(tmp_path)
    before = everything_in(tmp_path)
    step, checked = checked_step(path, device)
    assert everything_in(tmp_path) == before, "nothing is written, no process is started"
    assert (step.state, checked.ok) == ("unknown", True)
    unknown = [name for name, found in step.outputs.items() if found == {"type": "unknown"}]
    assert unknown == list(stranger.unknown)
    (finding,) = checked.findings
    assert finding.severity == "unknown"
    assert "unknown from here" in finding.message
    assert stranger.says in finding.message
    assert "aten." not in finding.message, "in a user's words"
    for name in stranger.unknown:
        assert f"`{name}`" in (finding.found or "")
    assert finding.place is not None
    assert Path(finding.place.file).name == "my_steps.py"


@pytest.mark.campaign(every=3, kind=lambda stranger: bool(stranger.unknown))
@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
@pytest.mark.parametrize("stranger", KNOWN + UNKNOWN, ids=by_title)
def test_a_run_after_a_check_gives_the_bits_of_a_run_without(
    stranger: Stranger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    unchecked = stranger.write(tmp_path / "unchecked")
    checked = stranger.write(tmp_path / "checked")
    flowrun.check(checked, device="cuda")
    flowrun.check(checked, device="cpu")
    after = flowrun.run(checked, device="cpu", record=False).values
    without = flowrun.run(unchecked, device="cpu", record=False).values
    assert list(after) == list(without)
    for name, value in without.items():
        assert_equal(after[name], value)


def assert_equal(one: Any, other: Any) -> None:
    """Two values of the same types and bits; tensors are plain ones."""
    assert type(one) is type(other)
    if isinstance(other, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(other, dict):
        assert list(one) == list(other)
        for key, item in other.items():
            assert_equal(one[key], item)
    else:
        assert one == other


def test_a_check_before_a_run_leaves_what_a_file_of_steps_holds_as_it_was(
    flowrun: Flowrun, tmp_path: Path
) -> None:
    (stranger,) = (
        one for one in KNOWN if one.title == "a model of the file, trained where it lies"
    )
    found = []
    for choice in ("--no-check", "--check"):
        path = stranger.write(tmp_path / choice)
        done = flowrun(choice, "--json", path, FLOWRUN_HOME=str(path.parent / "home"))
        assert done.returncode == 0, done.stderr
        found.append(msgspec.json.decode(done.stdout)["steps"][-1]["outputs"])
    assert found[0] == found[1]

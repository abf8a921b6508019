"""Device names: which present device one stands for, and what a recipe needs."""

from __future__ import annotations

import pytest

from flowrun.errors import DeviceError, Mark, Source
from flowrun.recipes.devices import Needs, choose_device, device_problem, meant_device

PRESENT = {"cuda:0": "a GPU", "cuda:1": "another", "mps:0": "", "cpu": ""}


@pytest.mark.parametrize(
    ("name", "chosen", "meant"),
    [
        ("auto", "cuda:0", "cuda:0"),
        ("cpu", "cpu", "cpu"),
        ("cpu:0", "cpu", "cpu"),
        ("cuda", "cuda:0", "cuda:0"),
        ("cuda:1", "cuda:1", "cuda:1"),
        ("mps", "mps:0", "mps:0"),
        ("cuda:7", None, "cuda:7"),
        ("xpu", None, "xpu:0"),
        ("cpu:1", None, "cpu"),
    ],
)
def test_a_name_stands_for_one_device(name: str, chosen: str | None, meant: str) -> None:
    assert meant_device(name, PRESENT) == meant
    if chosen is not None:
        assert choose_device(name, PRESENT) == chosen
        return
    with pytest.raises(DeviceError) as caught:
        choose_device(name, PRESENT, Mark(Source("r.yaml", f"device: {name}"), 0, 8))
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        f"r.yaml:1:9: the device `{name}` is not there; "
        "this machine has: cuda:0 (a GPU), cuda:1 (another), mps:0, cpu"
    )
    assert "--device" in lines[-1]


def test_without_any_device_the_first_is_the_processor() -> None:
    assert meant_device("auto", {}) == choose_device("auto", {}) == "cpu"


@pytest.mark.parametrize("name", ["auto", "cpu", "cuda:999", "mps", "xpu:0"])
def test_a_name_of_a_device_is_no_problem(name: str) -> None:
    assert device_problem(name) is None


@pytest.mark.parametrize("name", ["cuda:", "cuda:1000", "cuda:-1", "cuda:a", "cpu ", ""])
def test_another_name_is_one(name: str) -> None:
    assert device_problem(name) is not None


@pytest.mark.parametrize(
    ("needs", "unmet"),
    [
        ((), None),
        (("cuda", "mps"), None),
        (("no xpu", "cpu"), None),
        (("cuda", "xpu"), "needs xpu"),
        (("no cuda",), "needs no cuda"),
    ],
)
def test_needs_are_kinds_that_are_there_or_are_not(
    needs: tuple[str, ...], unmet: str | None
) -> None:
    said = f"{unmet}, and this machine has: cuda:0, cuda:1, mps:0, cpu" if unmet else None
    assert Needs(needs).unmet(PRESENT) == said

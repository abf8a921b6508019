"""Kept values that are damaged or gone: they are recomputed, and the result is the right one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from flowrun.api import new_registry
from flowrun.store.structures import DamagedValueError
from flowrun.store.value_files import read_value, write_value
from flowrun.values.codecs import Codecs
from flowrun.values.digests import value_digest
from tests.campaigns.faults.altering import WAYS, flip, remove
from tests.campaigns.faults.scale import IS_WHOLE
from tests.campaigns.faults.undisturbed import Undisturbed
from tests.campaigns.faults.worlds import World

Way = Callable[[Path], None]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_value_of_plain_parts_is_made_again(
    tmp_path: Path, plain: Undisturbed, way: Way, number: int
) -> None:
    world = plain.ran.copy(tmp_path / "world")
    _alter_and_rerun(world, number, way, "write.to=out/elsewhere.json")
    assert world.saved()["elsewhere.json"] == plain.outcome.saved["numbers.json"]


@pytest.mark.parametrize("number", range(4) if IS_WHOLE else [1])
@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_value_of_tensors_is_made_again(
    tmp_path: Path, in_batches: Undisturbed, way: Way, number: int
) -> None:
    if not IS_WHOLE and way is not WAYS[2]:
        pytest.skip("a part of `make campaigns` alone")
    world = in_batches.ran.copy(tmp_path / "world")
    _alter_and_rerun(world, number, way, "save.to=out/elsewhere")
    for name, content in in_batches.outcome.saved.items():
        assert world.saved()[name.replace("model", "elsewhere")] == content


def test_no_bit_of_a_kept_value_turns_unnoticed(tmp_path: Path) -> None:
    value = {
        "slice of columns": torch.arange(12.0).reshape(3, 4).t()[1:],
        "expanded": torch.arange(3).unsqueeze(1).expand(3, 4),
        "offset": torch.arange(5.0)[1:],
        "numbers": [1, 2.5, "x", (True, None)],
    }
    values = Codecs(new_registry().codecs, "float32")
    digest = value_digest(value, values)
    assert digest is not None
    write_value(tmp_path, "value", value, digest, values, None)
    layouts = _layouts(read_value(tmp_path, "value", digest, values, None))
    assert layouts == _layouts(value)
    for path in list(tmp_path.iterdir()):
        content = path.read_bytes()
        for bit in range(0, 8 * len(content), 1 if IS_WHOLE else 7):
            flip(path, *divmod(bit, 8))
            try:
                found = read_value(tmp_path, "value", digest, values, None)
            except DamagedValueError:
                found = None
            if found is not None:  # the bit must be one that does not matter
                assert _layouts(found) == layouts, f"bit {bit} of {path.name}"
            path.write_bytes(content)


def _alter_and_rerun(world: World, number: int, way: Way, setting: str) -> None:
    """Damage one file of the values that were kept, and run a recipe that needs them."""
    path = sorted((world.store / "objects").iterdir())[number]
    way(path)
    done = world.run("--set", setting)
    assert done.code == 0
    is_all_gone = way is remove and path.suffix == ".json"
    is_said = "warning: a kept value was damaged, and is recomputed" in done.err
    assert is_said or is_all_gone or done.err == ""  # of two values, only one may be needed
    assert is_said == ((world.store / "aside").is_dir() and not is_all_gone)
    assert "Traceback" not in done.err
    again = world.run("--set", setting, "--quiet")
    assert (again.code, again.err) == (0, "")
    assert world.leftovers() == []


def _layouts(value: dict[str, Any]) -> dict[str, Any]:
    """How the tensors in a value lie in memory."""
    return {
        name: (part.stride(), part.data_ptr() % 64)
        for name, part in value.items()
        if isinstance(part, torch.Tensor)
    }

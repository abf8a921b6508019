"""Kept values: which are kept, read again to the last bit, and made again where they are lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import flowrun
from flowrun.store import value_files
from tests.core.store.conftest import World

TENSORS = '''
import time
import torch
from flowrun import step

def called(name):
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write(name + "\\n")

@step(outputs="t", random=True)
def slow(*, rows: int = 300):
    """Make a tensor, slowly."""
    called("slow")
    time.sleep(0.05)
    return torch.randn(rows, 3)

@step(outputs="t", random=True)
def quick():
    """Make a tensor, quickly."""
    called("quick")
    return torch.randn(300, 3)

@step(outputs="view")
def view(t):
    """A part of a tensor, as it lies in memory."""
    called("view")
    return t[10:, 1:]

@step(outputs="total")
def total(t, view=None, *, times: int = 1):
    """Add up."""
    called("total")
    return {"sum": float(t.sum()) * times, "strides": list((t if view is None else view).stride())}

@step(outputs="t")
def chance():
    """Give something else each time."""
    import os
    called("chance")
    return torch.frombuffer(bytearray(os.urandom(8)), dtype=torch.uint8)

@step(outputs="total")
def spoil(t):
    """Write to an input."""
    t += 1
    return 1

@step(outputs="total")
def empty(t: dict):
    """Take something out of an input."""
    called("empty")
    t["inner"].clear()
    return len(t)

@step(outputs="numbers")
def numbers():
    """Many numbers."""
    called("numbers")
    return list(range(100_000))

@step(outputs="t")
def column():
    """One column of a table of a gigabyte, of which no page is touched."""
    called("column")
    return torch.empty(3, 2**27)[:, 0].fill_(1.0)

@step(outputs="t")
def nest():
    """Lists in a dict."""
    return {"inner": [1, 2], "pair": (1, (2.5, None)), 3: "three", "nan": float("nan")}
'''


@pytest.fixture
def world(world: World) -> World:
    (world.folder / "steps.py").write_text(TENSORS)
    return world


def objects() -> Iterator[Path]:
    return Path(".flowrun/store/objects").iterdir()


def test_a_value_that_was_slow_to_make_is_read_again(world: World) -> None:
    world.recipe("[slow, total]")
    first, _ = world.run()
    again, called = world.run(set={"total.times": 2})
    assert called == ["total"]
    assert torch.equal(first.values["t"], again.values["t"])
    assert {path.suffix for path in objects()} == {".safetensors", ".json"}


def test_a_value_that_was_quick_to_make_is_made_again(world: World) -> None:
    world.recipe("[quick, total]")
    first, _ = world.run()
    assert not Path(".flowrun/store/objects").exists()
    again, called = world.run(set={"total.times": 2})
    assert called == ["quick", "total"]
    assert torch.equal(first.values["t"], again.values["t"])
    assert again.record["steps"][0]["kept"] == first.record["id"]


@pytest.mark.parametrize(
    ("step", "cache", "made"), [("quick", "true", []), ("slow", "false", ["slow"])]
)
def test_cache_overrules_what_is_kept(world: World, step: str, cache: str, made: list[str]) -> None:
    world.recipe(f"[{{{step}: {{}}, cache: {cache}}}, total]")
    world.called()
    assert world.called(set={"total.times": 2}) == [*made, "total"]


def test_cache_set_later_has_the_values_kept_from_then_on(world: World) -> None:
    world.recipe("[quick, total]")
    world.called()
    world.recipe("[{quick: {}, cache: true}, total]")
    assert world.called() == ["quick"]
    assert world.called() == []
    assert world.called(set={"total.times": 2}) == ["total"]


def test_values_of_an_unchanged_run_are_had_when_they_are_asked_for(world: World) -> None:
    world.recipe("[quick, total]")
    first, _ = world.run()
    again, called = world.run()
    assert called == []
    assert list(again.values) == ["t", "total"]
    assert torch.equal(again.values["t"], first.values["t"])
    assert Path(os.environ["CALLS"]).read_text().split() == ["quick"]


def test_a_part_of_a_tensor_comes_back_as_it_lay_in_memory(world: World) -> None:
    world.recipe("[slow, {view: {}, cache: true}, total]")
    first, _ = world.run()
    again, called = world.run(set={"total.times": 2})
    assert called == ["total"]
    assert again.values["total"]["strides"] == first.values["total"]["strides"] == [3, 1]
    was, now = first.values["view"], again.values["view"]
    assert torch.equal(was, now)
    assert now.data_ptr() % 64 == was.data_ptr() % 64


@pytest.mark.parametrize("harm", ["truncate", "flip", "remove", "rename"])
def test_a_damaged_value_is_put_aside_and_made_again(world: World, harm: str) -> None:
    world.recipe("[slow, total]")
    first, _ = world.run()
    (path,) = (path for path in objects() if path.suffix == ".safetensors")
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    if harm == "remove":
        path.unlink()
    elif harm == "rename":
        path.rename(path.with_name("another.safetensors"))
    else:
        path.write_bytes(content if harm == "flip" else content[:-7])
    with pytest.warns(UserWarning, match="a kept value was damaged, and is recomputed"):
        again, called = world.run(set={"total.times": 2})
    assert called == ["slow", "total"]
    assert torch.equal(first.values["t"], again.values["t"])
    assert world.called(set={"total.times": 3}) == ["total"]


def test_a_damaged_record_is_none(world: World) -> None:
    import sqlite3

    world.recipe("[slow, total]")
    first, _ = world.run()
    with sqlite3.connect(".flowrun/store/records.sqlite") as connection:
        connection.execute("update steps set record = cast(record || x'00' as blob)")
    again, called = world.run()
    assert called == ["slow", "total"]
    assert again.values["total"] == first.values["total"]


def test_damaged_tables_are_put_aside_and_begun_anew(world: World) -> None:
    world.recipe("[slow, total]")
    world.called()
    path = Path(".flowrun/store/records.sqlite")
    path.write_bytes(b"nonsense" * 1000)
    with pytest.warns(UserWarning, match="were damaged, and start empty"):
        assert world.called() == ["slow", "total"]
    assert world.called() == []
    assert len(list(Path(".flowrun/store/aside").iterdir())) == 1


def test_a_step_that_is_not_deterministic_is_reported_once_with_both_digests(world: World) -> None:
    world.recipe("[{chance: {}, cache: false}, total]")
    first, _ = world.run()
    was = first.record["steps"][0]["digests"]["t"]
    with pytest.warns(UserWarning, match="the step `chance` .* is not deterministic") as warned:
        again, called = world.run(set={"total.times": 2})
    now = again.record["steps"][0]["digests"]["t"]
    assert len(warned) == 1
    assert f"`t` was {was} and is now {now}" in str(warned[0].message)
    assert again.record["warnings"] == [str(warned[0].message)]
    assert called == ["chance", "total"]
    assert again.values["total"]["sum"] == float(again.values["t"].sum()) * 2
    assert world.called(set={"total.times": 3}) == ["total"]


def test_a_tensor_written_to_in_place_is_an_error_that_names_the_input(world: World) -> None:
    world.recipe("[quick, spoil]")
    with pytest.raises(flowrun.StepError, match="changed its input `t` in place"):
        world.run()


def test_lists_and_dicts_are_a_steps_own(world: World) -> None:
    world.recipe("[nest, empty]")
    result, _ = world.run()
    assert result.values["t"]["inner"] == [1, 2]


def test_plain_values_come_back_with_their_types(world: World) -> None:
    world.recipe("[nest]")
    world.called()
    value = world.run()[0].values["t"]
    assert value["pair"] == (1, (2.5, None))
    assert value[3] == "three"
    assert value["nan"] != value["nan"]


SPECIAL = {
    "bfloat16": "torch.arange(6).to(torch.bfloat16).reshape(2, 3)",
    "bool": "torch.tensor([True, False])",
    "scalar": "torch.tensor(2.5)",
    "empty": "torch.empty(0, 3)",
    "transposed": "torch.arange(6.0).reshape(2, 3).T",
    "expanded": "torch.arange(3.0).expand(4, 3)",
    "every second": "torch.arange(20.0)[3::2]",
    "gradient": "torch.ones(2, requires_grad=True)",
    "int64": "torch.tensor([2**62, -1])",
}


@pytest.mark.parametrize("kind", SPECIAL)
def test_tensors_of_every_kind_come_back(world: World, kind: str) -> None:
    (world.folder / "steps.py").write_text(
        f"import torch\nfrom flowrun import step\n\n@step(outputs='t')\ndef make():\n"
        f"    return {SPECIAL[kind]}\n\n@step(outputs='same')\ndef look(t, *, n: int = 1):\n"
        f"    return [str(t.dtype), list(t.shape), list(t.stride()), t.requires_grad]\n"
    )
    world.recipe("[{make: {}, cache: true}, look]")
    first, _ = world.run()
    assert len(list(objects())) == 2
    again, _ = world.run(set={"look.n": 2})
    assert again.values["same"] == first.values["same"]
    assert torch.equal(again.values["t"], first.values["t"])


SHARED = """
import torch
from flowrun import step

@step(outputs="tables")
def share():
    table = torch.arange(12.0).reshape(4, 3)
    return {"whole": table, "same": table, "top": table[:2], "left": table[:, :2]}

@step(outputs="seen")
def look(tables, *, n: int = 1):
    return [table.tolist() for table in tables.values()]
"""


def test_tensors_that_share_memory_come_back_each_on_its_own(world: World) -> None:
    (world.folder / "steps.py").write_text(SHARED)
    world.recipe("[{share: {}, cache: true}, look]")
    first, _ = world.run()
    assert len(list(objects())) == 2
    again, _ = world.run(set={"look.n": 2})
    assert again.values["seen"] == first.values["seen"]
    assert again.record["steps"][0]["kept"] == first.record["id"]


CUSTOM = """
from flowrun import Codec, Summary, hookimpl, step

class Box:
    def __init__(self, content):
        self.content = content

class Bare:
    pass

@hookimpl
def flowrun_codecs():
    return [Codec(Box, lambda box: Summary("Box"), lambda box: box.content,
                  pack=lambda box: {"content": box.content},
                  unpack=lambda packed: Box(packed["content"]))]

def called(name):
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write(name + "\\n")

@step(outputs="box")
def pack():
    called("pack")
    return Box([1, 2.5])

@step(outputs="bare")
def bare():
    called("bare")
    return Bare()

@step(outputs="x")
def look(box, *, n: int = 1):
    called("look")
    return box.content[0] + n

@step(outputs="x")
def look_at_bare(bare):
    called("look_at_bare")
    return type(bare).__name__
"""


def test_a_value_that_is_too_large_as_text_is_not_kept_and_the_others_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(value_files, "_MOST_JSON", 1000)
    world.recipe("[{numbers: {}, cache: true}, {quick: {}, cache: true}]")
    with pytest.warns(UserWarning, match=r"lists and dicts take 689,\d+ bytes, and 1,000"):
        world.called()
    (document,) = (path for path in objects() if path.suffix == ".json")
    assert "torch.Tensor" in document.read_text()


def test_a_view_whose_elements_lie_far_apart_is_not_kept(world: World) -> None:
    world.recipe("[column, total]")
    assert world.called() == ["column", "total"]
    result, called = world.run()
    assert called == ["column", "total"]
    assert "a view of 12 bytes that lie within 1,073,741,824" in str(result.record["steps"][0])


def test_a_type_with_a_codec_that_packs_is_digested_and_kept(world: World) -> None:
    (world.folder / "steps.py").write_text(CUSTOM)
    world.recipe("[{pack: {}, cache: true}, look]")
    world.called()
    assert world.called() == []
    result, called = world.run(set={"look.n": 2})
    assert called == ["look"]
    assert result.values["box"].content == [1, 2.5]


def test_a_type_without_a_codec_has_the_steps_that_take_it_run_each_time(world: World) -> None:
    (world.folder / "steps.py").write_text(CUSTOM)
    world.recipe("[bare, look_at_bare]")
    world.called()
    result, called = world.run()
    assert called == ["bare", "look_at_bare"]
    assert result.values["x"] == "Bare"

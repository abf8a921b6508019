"""What is kept and what runs again: a step runs where something it depends on has changed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.core.store.conftest import World


def test_nothing_is_called_where_nothing_changed(world: World) -> None:
    world.recipe("[one, add, round_down]", "expect: {x: {equals: 2}}")
    first, called = world.run()
    assert called == ["one", "add", "round_down"]
    again, called = world.run()
    assert called == []
    assert again.ok
    assert again.values == first.values == {"x": 2}
    assert [step["kept"] for step in again.record["steps"]] == [first.record["id"]] * 3
    assert again.record["steps"][1]["messages"] == ["added 1.0"]


def test_a_changed_option_runs_its_step_and_those_that_see_another_value(world: World) -> None:
    world.recipe("[one, add, round_down]")
    world.called()
    assert world.called(set={"add.by": 2.5}) == ["add", "round_down"]


def test_a_change_that_gives_the_same_value_stops_there(world: World) -> None:
    world.recipe("[one, add, round_down, {add: {by: 5}}]")
    world.called()
    assert world.called(set={"add.by": 1.4}) == ["add", "round_down"]


def test_an_input_counts_by_its_content_and_not_by_its_origin(world: World) -> None:
    world.recipe("[{one: {value: 2}}, round_down]")
    assert world.called() == ["one", "round_down"]
    world.recipe("[one, add, round_down]")
    assert world.called() == ["one", "add"]


def test_going_back_to_an_earlier_setting_runs_nothing(world: World) -> None:
    world.recipe("[one, add]")
    world.called()
    world.called(set={"add.by": 7})
    result, called = world.run()
    assert (called, result.values["x"]) == ([], 2.0)


def test_a_step_added_at_the_end_runs_alone(world: World) -> None:
    world.recipe("[one, add]")
    world.called()
    world.recipe("[one, add, round_down]")
    assert world.called() == ["round_down"]


def test_two_recipes_share_what_they_have_in_common(world: World) -> None:
    world.recipe("[one, add]")
    world.called()
    other = world.folder / "other.yaml"
    other.write_text("recipe: other\nplugins: [./steps.py]\nsteps: [one, add, round_down]\n")
    world.path = other
    assert world.called() == ["round_down"]


def test_a_file_that_a_step_reads_belongs_to_its_key(world: World) -> None:
    world.recipe("[{read: {file: t.txt}}]")
    text = world.folder / "t.txt"
    text.write_text("a")
    world.called()
    assert world.called() == []
    text.write_text("b")
    result, called = world.run()
    assert (called, result.values["text"]) == (["read"], "b")
    text.write_text("a")
    assert world.called() == []


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_read_again(world: World) -> None:
    world.recipe("[{read: {file: t.txt}}]")
    text, other = world.folder / "t.txt", world.folder / "other.txt"
    long_ago = time.time_ns() - 10_000_000_000
    for path, content in ((text, "a"), (other, "b")):
        path.write_text(content)
        os.utime(path, ns=(long_ago, long_ago))
    world.called()
    other.replace(text)
    result, called = world.run()
    assert (called, result.values["text"]) == (["read"], "b")


def test_a_file_changed_within_the_clocks_step_is_read_again(world: World) -> None:
    world.recipe("[{read: {file: t.txt}}]")
    text = world.folder / "t.txt"
    just_now = time.time_ns() + 10_000_000_000  # however long the first run takes
    for content in ("a", "b"):
        text.write_text(content)
        os.utime(text, ns=(just_now, just_now))
        result, called = world.run()
        assert (called, result.values["text"]) == (["read"], content)


def test_of_many_contents_of_a_file_the_last_one_is_known(world: World) -> None:
    world.recipe("[{read: {file: t.txt}}]")
    text = world.folder / "t.txt"
    for number in range(21):
        text.write_text(str(number))
        world.called()
    result, called = world.run()
    assert (called, result.values["text"]) == ([], "20")


def test_of_two_results_that_both_hold_the_last_one_is_used(world: World) -> None:
    (world.folder / "mine.py").write_text(
        "from pathlib import Path\nfrom flowrun import step\n\n@step(outputs='x')\n"
        "def mine(*, ctx):\n    if Path('later').exists():\n        ctx.env('HOME')\n"
        "        return 'second'\n    return 'first'\n"
    )
    world.path.write_text("recipe: r\nplugins: [./mine.py]\nsteps: [mine]\n")
    world.called()
    (world.folder / "later").touch()
    world.called(fresh=True)
    result, called = world.run()
    assert (called, result.values["x"]) == ([], "second")


def test_a_recipe_moved_to_another_folder_reads_the_files_there(world: World) -> None:
    world.recipe("[{read: {file: t.txt}}]")
    (world.folder / "t.txt").write_text("here")
    world.called()
    there = world.folder / "there"
    there.mkdir()
    for name in ("r.yaml", "steps.py"):
        (there / name).write_text((world.folder / name).read_text())
    (there / "t.txt").write_text("there")
    world.path = there / "r.yaml"
    assert world.run()[0].values["text"] == "there"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("return x + by", "return x + by + 0"), ["add"]),
        (('"""Add to a number."""', '"""Add to any number."""'), []),
        (("def called(name):", "def called(name):\n    name = str(name)"), ["one", "add"]),
    ],
    ids=["body", "docstring", "helper"],
)
def test_changed_code_runs_the_steps_that_reach_it(
    world: World, change: tuple[str, str], expected: list[str]
) -> None:
    world.recipe("[one, add]")
    world.called()
    path = world.folder / "steps.py"
    path.write_text(path.read_text().replace(*change))
    assert world.called() == expected


def test_a_module_that_the_steps_module_imports_belongs_to_its_code(world: World) -> None:
    (world.folder / "counted.py").write_text(
        "import deeper\n\ndef number():\n    return deeper.N\n"
    )
    (world.folder / "deeper.py").write_text("N = 1\n")
    (world.folder / "mine.py").write_text(
        "from flowrun import step\n\n@step(outputs='x')\ndef mine():\n    import counted\n"
        "    open(__import__('os').environ['CALLS'], 'a').write('mine\\n')\n"
        "    return counted.number()\n"
    )
    world.path.write_text("recipe: r\nplugins: [./mine.py]\nsteps: [mine]\n")
    assert world.called() == ["mine"]
    assert world.called() == []
    (world.folder / "deeper.py").write_text("N = 10\n")
    assert world.called() == ["mine"]


def test_the_seed_belongs_to_the_key_of_a_random_step_alone(world: World) -> None:
    world.recipe("[one, draw]")
    world.called()
    assert world.called(seed=1) == ["draw"]


def test_a_number_beyond_64_bits_is_an_option_and_a_value_like_any_other(world: World) -> None:
    (world.folder / "mine.py").write_text(
        "from flowrun import step\n\n@step(outputs='n')\ndef give(*, value: int):\n"
        "    return value * 10\n"
    )
    number = 10**30
    world.path.write_text(
        f"recipe: r\nplugins: [./mine.py]\nsteps: [{{give: {{value: {number}}}}}]\n"
    )
    first, _ = world.run()
    again, _ = world.run()
    assert again.values == first.values == {"n": 10 * number}
    assert again.record["steps"][0]["kept"] == first.record["id"]


def test_the_dtype_belongs_to_every_key(world: World) -> None:
    world.recipe("[one]")
    world.called()
    assert world.called(set={"dtype": "float64"}) == ["one"]


def test_the_kind_of_device_belongs_to_every_key_and_its_number_does_not(world: World) -> None:
    (world.folder / "devices.py").write_text(
        "from flowrun import Backend, hookimpl\n\nclass Two(Backend):\n    def devices(self):\n"
        "        return {'mps:0': 'stand-in', 'mps:1': 'stand-in', 'cpu': ''}\n\n"
        "@hookimpl\ndef flowrun_backend():\n    return Two()\n"
    )
    world.recipe("[one]")
    plugins = ("devices.py",)
    assert world.called(plugins=plugins, device="cpu") == ["one"]
    assert world.called(plugins=plugins, device="mps:0") == ["one"]
    assert world.called(plugins=plugins, device="mps:1") == []
    assert world.called(plugins=plugins, device="cpu") == []


def test_what_a_plugin_does_round_each_step_belongs_to_every_key(world: World) -> None:
    around = world.folder / "around.py"
    around.write_text(
        "from contextlib import contextmanager\nfrom flowrun import Backend, hookimpl\n\n"
        "class Around(Backend):\n    @contextmanager\n    def around_step(self, step, ctx, call):\n"
        "        yield\n        call.returned += 1\n\n"
        "@hookimpl\ndef flowrun_backend():\n    return Around()\n\n"
        "def beside():\n    return 1\n"
    )
    world.recipe("[one]")
    arguments = {"plugins": ("around.py",)}
    assert world.run(**arguments)[0].values == {"x": 2.0}
    around.write_text(around.read_text().replace("return 1\n", "return 2\n"))
    assert world.called(**arguments) == []
    around.write_text(around.read_text().replace("returned += 1", "returned += 5"))
    result, called = world.run(**arguments)
    assert (called, result.values) == (["one"], {"x": 6.0})


def test_a_steps_own_version_makes_its_results_invalid(world: World) -> None:
    world.recipe("[one, draw]")
    world.called()
    path = world.folder / "steps.py"
    path.write_text(path.read_text().replace("random=True", "random=True, version=2"))
    assert "draw" in world.called()


def test_fresh_calls_every_step_and_what_it_made_is_kept(world: World) -> None:
    world.recipe("[one, add]")
    world.called()
    assert world.called(fresh=True) == ["one", "add"]
    assert world.called() == []


def test_without_a_record_nothing_is_kept_or_found(world: World) -> None:
    world.recipe("[one]")
    assert world.called(record=False) == ["one"]
    assert not (world.folder / ".flowrun").exists()
    world.called()
    assert world.called(record=False) == ["one"]


def test_a_file_that_a_step_wrote_is_written_again_where_it_is_not_what_it_was(
    world: World,
) -> None:
    world.recipe("[one, {write: {to: out.txt}}]")
    world.called()
    out = world.folder / "out.txt"
    assert world.called() == []
    out.write_text("spoilt")
    assert world.called() == ["write"]
    assert out.read_text() == "1.0"
    out.unlink()
    assert world.called() == ["write"]
    assert out.read_text() == "1.0"


def test_a_step_that_acts_outside_without_a_file_runs_each_time(world: World) -> None:
    world.recipe("[one, tell]")
    world.called()
    assert world.called() == ["tell"]


def test_an_expectation_that_changes_is_judged_without_a_step(world: World) -> None:
    world.recipe("[one, add]", "expect: {x: {below: 5}}")
    world.called()
    result, called = world.run(set={"expect.x.below": 1})
    assert called == []
    assert not result.ok


def test_an_expectation_of_a_value_that_is_not_kept_is_checked_once(world: World) -> None:
    (world.folder / "mine.py").write_text(
        "from flowrun import step\n\n@step(outputs='x')\ndef many():\n"
        "    open(__import__('os').environ['CALLS'], 'a').write('many\\n')\n"
        "    return list(range(300))\n"
    )
    world.path.write_text(
        "recipe: r\nplugins: [./mine.py]\nsteps: [many]\nexpect: {'x[2]': {equals: 2}}\n"
    )
    assert world.called() == ["many"]
    result, called = world.run()
    assert called == []
    (expectation,) = result.record["expectations"]
    assert (expectation["found"], expectation["met"]) == ("2", True)
    world.path.write_text(world.path.read_text().replace("equals: 2", "equals: 3"))
    result, called = world.run()
    assert called == ["many"]  # the value is needed again
    assert not result.ok
    assert world.called() == []


def test_a_failed_step_is_not_kept_and_those_before_it_are(world: World) -> None:
    (world.folder / "mine.py").write_text(
        "from flowrun import step\n\n@step(outputs='x')\ndef fail(x):\n    raise ValueError('no')\n"
    )
    world.recipe("[one, fail]")
    world.path.write_text(world.path.read_text().replace("[./steps.py]", "[./steps.py, ./mine.py]"))
    for called in (["one"], []):
        with pytest.raises(Exception, match="no"):
            world.run()
        assert Path(os.environ["CALLS"]).read_text().split() == called


def test_a_record_names_keys_digests_and_what_was_looked_at(world: World) -> None:
    world.recipe("[one, {write: {to: out.txt}}, {read: {file: out.txt}}]")
    result, _ = world.run()
    record = json.loads(
        Path(".flowrun/runs", result.record["id"], "run.json").read_text(encoding="utf-8")
    )
    one, write, read = record["steps"]
    assert len({step["key"] for step in (one, write, read)}) == 3
    assert len(one["digests"]["x"]) == 64
    assert list(write["files_written"]) == list(read["files_read"])
    assert list(write["files_written"].values()) == list(read["files_read"].values())

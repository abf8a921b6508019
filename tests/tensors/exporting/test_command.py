"""`flowrun export` itself: what it writes, where, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import flowrun as package
from flowrun_tensors.exporting import export_plan
from tests.conftest import Flowrun
from tests.tensors.exporting.scripts import RECIPES, Python, assert_same_bits

Write = Callable[[str, str], Path]


def test_settings_of_the_command_line_go_into_the_script(
    flowrun: Flowrun, torch_alone: Python, write: Write, tmp_path: Path
) -> None:
    recipe = write("r.yaml", "recipe: r\nsteps: [random: {x: {randn: 3}}]\n")
    done = flowrun("export", recipe, "--seed", "5", "--device", "cpu",
                   "--set", "random.x={randn: 4}")  # fmt: skip
    assert done.returncode == 0, done.stderr
    script = write("script.py", done.stdout)
    values = torch_alone.values_of({script: {"x": "x"}})[script]
    result = package.run(recipe, seed=5, device="cpu", set=["random.x={randn: 4}"])
    assert_same_bits(values, dict(result.values))
    assert values["x"].shape == (4,)


def test_a_run_is_exported_as_it_was_planned(
    flowrun: Flowrun, torch_alone: Python, write: Write, tmp_path: Path
) -> None:
    recipe = write("r.yaml", "recipe: r\nsteps: [random: {x: {randn: 3}}]\n")
    result = package.run(recipe, seed=5)
    recipe.unlink()
    script = tmp_path / "script.py"
    assert flowrun("export", result.record["id"], "-o", script).returncode == 0
    values = torch_alone.values_of({script: {"x": "x"}})[script]
    assert_same_bits(values, dict(result.values))


def test_without_stand_ins_a_script_of_missing_data_is_refused(
    flowrun: Flowrun, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    done = flowrun("export", RECIPES / "red_linear.yaml", "--no-standin", "-o", script)
    assert done.returncode == 2
    assert "the data set `wine-red` is not available" in done.stderr
    assert not list(tmp_path.glob("*.py")) + list(tmp_path.glob("*.csv"))


def test_what_is_neither_a_recipe_nor_a_run_is_refused(flowrun: Flowrun) -> None:
    for name in ("none.yaml", "20990101-000000-abcdef"):
        done = flowrun("export", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("error: there ")
        assert "Traceback" not in done.stderr


def test_another_file_beside_the_script_is_left_as_it_is(flowrun: Flowrun, write: Write) -> None:
    other = write("winequality-red.csv", "mine")
    assert flowrun("export", RECIPES / "red_linear.yaml", "-o", "red.py").returncode == 0
    other = write("wine-red-standin.csv", "mine")
    kept = write("red.py", "# mine\n")
    done = flowrun("export", RECIPES / "red_linear.yaml", "-o", "red.py")
    assert done.returncode == 2
    assert "wine-red-standin.csv is another file than the script needs there" in done.stderr
    assert "move it away, or write the script to another folder" in done.stderr
    assert (kept.read_text(), other.read_text()) == ("# mine\n", "mine")


def test_files_of_a_recipe_lie_beside_the_script_as_beside_the_recipe(
    flowrun: Flowrun, torch_alone: Python, write: Write, tmp_path: Path
) -> None:
    write("here/sub/t.csv", "a,b\n1,2\n3,4\n")
    far = write("far/t.csv", "a,b\n5,6\n7,8\n")
    recipe = write(
        "here/r.yaml",
        f"recipe: r\nsteps:\n  - load: {{source: sub/t.csv}}\n"
        f"  - load: {{source: {far}}}\n    out: {{data: far}}\n"
        f"  - save: {{to: {tmp_path}/a/x.pt, values: [data]}}\n"
        f"  - save: {{to: {tmp_path}/b/x.pt, values: [far]}}\n"
        f"  - load: {{source: {tmp_path}/a/x.pt, values: [again]}}\n",
    )
    script = tmp_path / "out" / "script.py"
    done = flowrun("export", recipe, "-o", script)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) not in script.read_text()
    assert (script.parent / "sub" / "t.csv").read_text() == "a,b\n1,2\n3,4\n"
    made = export_plan(package.plan(recipe))
    values = torch_alone.values_of({script: made.variables})[script]
    assert values["data"].tolist() == values["again"].tolist() == [[1, 2], [3, 4]]
    assert values["far"].tolist() == [[5, 6], [7, 8]]
    assert not (tmp_path / "a").exists()

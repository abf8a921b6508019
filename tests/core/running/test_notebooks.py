"""A run in a notebook: what its cell shows as it goes on, interrupts, cells that are edited."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernels import Kernel, Outputs, started

CELL = '''
import time
import flowrun
from flowrun import step

@step(outputs="n")
def count(*, to: int = 4, seconds: float = 0.0, ctx) -> int:
    """Count, and say how far it is."""
    start = (ctx.restored or {"at": 0})["at"]
    for at in range(start, to):
        ctx.checkpoint(lambda: {"at": at})
        ctx.progress(at, to, left=float(to - at))
        time.sleep(seconds)
    return to

@step(outputs="metrics")
def rate(n: int) -> dict[str, float]:
    """Give a number."""
    return {"rate": n / 3}

def recipe(**options):
    return {"recipe": "r", "about": "a count", "plugins": ["__main__"],
            "steps": [{"count": options}, "rate"],
            "expect": {"metrics.rate": {"above": 1}}}
'''


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    folder = tmp_path_factory.mktemp("kernel")
    with started(folder, folder) as kernel:
        yield kernel


@pytest.fixture
def kernel(shared: Kernel, tmp_path: Path) -> Kernel:
    """The kernel, in the test's folder, with the names of CELL alone."""
    assert shared.run(f"%reset -f\n%cd -q {tmp_path}").error == ""
    assert shared.run(CELL).error == ""
    return shared


def newest_record(folder: Path) -> dict[str, object]:
    paths = (folder / ".flowrun" / "runs").glob("*/run.json")
    record = json.loads(max(paths, key=lambda path: path.stat().st_mtime_ns).read_text())
    assert isinstance(record, dict)
    return record


def test_a_cell_shows_the_steps_in_one_display_that_is_updated(kernel: Kernel) -> None:
    outputs = kernel.run("result = flowrun.run(recipe(to=4, seconds=0.15))")
    assert (outputs.error, outputs.printed, outputs.warned) == ("", "", "")
    (shown,) = outputs.displays
    texts = [each["text/plain"] for each in shown]
    assert texts[0] == "r: a count"
    assert any("count         running" in text for text in texts)
    assert any("count         2/4  left 2  running" in text for text in texts)
    assert any('<progress value="2" max="4">' in each["text/html"] for each in shown)
    title, counted, rated, expected, end = texts[-1].splitlines()
    assert title == "r: a count"
    assert counted.startswith("  count         n 4  0.")
    assert rated.startswith("  rate          metrics {rate 1.3333}  0.0")
    assert expected == "  expect        metrics.rate 1.3333, above 1: met"
    assert " s on cpu, seed 0, record in .flowrun/runs/" in end


def test_the_display_of_a_second_run_says_what_is_kept(kernel: Kernel) -> None:
    kernel.run("flowrun.run(recipe())")
    outputs = kernel.run("flowrun.run(recipe())")
    (text,) = outputs.texts
    assert text.count("  kept") == 2
    assert outputs.result["text/plain"] == "Result(r: ok, rate 1.3333)"
    assert "2 steps, 2 kept" in outputs.result["text/html"]


def test_many_fast_steps_and_reports_update_the_display_seldom(kernel: Kernel) -> None:
    kernel.run('steps = [{"count": {}, "id": f"c{n}"} for n in range(100)]')
    outputs = kernel.run('flowrun.run({**recipe(), "steps": [*steps, "rate"]}, record=False)')
    (shown,) = outputs.displays
    assert 2 <= len(shown) <= 80
    assert shown[-1]["text/plain"].count("n 4") == 100


def test_a_plan_shows_itself(kernel: Kernel) -> None:
    planned = kernel.run("flowrun.plan(recipe())").result
    assert planned["text/plain"] == "Plan(r: count, rate)"
    assert "count(to=4, seconds=0.0)" in planned["text/html"]


def test_a_recipe_that_does_not_name_the_notebook_is_told_how(kernel: Kernel) -> None:
    outputs = kernel.run('flowrun.plan({"recipe": "r", "steps": ["count"]})')
    assert outputs.error == "RecipeError"
    assert "this program, or notebook, defines it: add `plugins: [__main__]`" in outputs.message


def test_progress_may_be_off(kernel: Kernel) -> None:
    assert kernel.run("r = flowrun.run(recipe(), progress=False)").displays == []
    outputs = kernel.run("r = flowrun.run_plan(flowrun.plan(recipe()), progress=False)")
    assert (outputs.displays, outputs.error) == ([], "")
    assert len(kernel.run("r = flowrun.run_plan(flowrun.plan(recipe()))").displays) == 1
    outputs = kernel.run("from flowrun.testing import run_step\nrun_step(count)['n']")
    assert (outputs.displays, outputs.result["text/plain"]) == ([], "4")


def test_a_failed_step_and_a_skipped_recipe_end_the_display(kernel: Kernel) -> None:
    kernel.run('@step(outputs="n")\ndef count() -> int:\n    raise ValueError("no count")')
    outputs = kernel.run("flowrun.run(recipe())")
    assert outputs.error == "StepError"
    assert "  count         not finished\n  failed after 0." in outputs.texts[0]
    outputs = kernel.run('flowrun.run({**recipe(), "needs": ["cuda"]})')
    assert outputs.error == ""
    assert "  skipped: " in outputs.texts[0]


def test_an_edit_of_a_cell_reruns_the_steps_affected(kernel: Kernel) -> None:
    kernel.run("flowrun.run(recipe())")
    again = CELL[CELL.index('@step(outputs="metrics")') :].replace("n / 3", "n / 2")
    kernel.run(again)
    (text,) = kernel.run("flowrun.run(recipe())").texts
    assert "count         n 4  kept" in text
    assert "rate          metrics {rate 2}  0.0" in text


def test_a_step_that_a_cell_has_shown_may_be_defined_again(kernel: Kernel) -> None:
    kernel.run("count")
    kernel.run(CELL.replace("return to", "return to + 1"))
    assert kernel.value('flowrun.run(recipe(), progress=False).values["n"]') == "5"


def test_an_interrupted_run_is_recorded_and_the_next_one_goes_on(
    kernel: Kernel, tmp_path: Path
) -> None:
    interrupted = []

    def interrupt(outputs: Outputs) -> None:
        if not interrupted and any("3/" in text for text in outputs.texts):
            interrupted.append(True)
            kernel.interrupt()

    slow = "flowrun.run(recipe(to=8, seconds=0.2))"
    outputs = kernel.run(f"try: {slow}\nexcept KeyboardInterrupt: print('stopped')", interrupt)
    assert outputs.printed == "stopped\n"
    said = re.search(
        r"  interrupted in `count`, step 1 of 2, at (\d) of 8; a checkpoint of it is saved: run "
        r"the same command to resume \(\d\.\d\d s on cpu",
        outputs.texts[0],
    )
    assert said is not None, outputs.texts[0]
    assert newest_record(tmp_path)["status"] == "interrupted"
    (text,) = kernel.run(f"r = {slow}").texts
    assert f"\n                goes on from {said[1]} of 8, saved " in text
    assert newest_record(tmp_path)["status"] == "ok"
    assert kernel.value("r.values['n'], r.record['steps'][0]['seconds'] < 1.5") == "8 True"


def test_progress_that_is_no_number_has_no_bar_and_harms_none(kernel: Kernel) -> None:
    kernel.run(
        '@step(outputs="n")\ndef count(*, ctx) -> int:\n'
        "    for done, total in [('<b>', 3), (1, None), (float('inf'), 3), (1.0, 3.0)]:\n"
        "        ctx.progress(done, total, left=0.5)\n        time.sleep(0.15)\n    return 6"
    )
    outputs = kernel.run("flowrun.run(recipe())")
    assert (outputs.error, outputs.warned) == ("", "")
    (shown,) = outputs.displays
    pages = [each["text/html"] for each in shown if "left 0.5" in each["text/plain"]]
    assert len(pages) == 4
    assert ["<progress" in page for page in pages] == [False, False, False, True]
    assert '<progress value="1" max="3">' in pages[-1]


def test_a_step_without_checkpoints_is_interrupted_at_once(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run('@step(outputs="n")\ndef count() -> int:\n    time.sleep(30)\n    return 1')
    interrupted = []

    def interrupt(outputs: Outputs) -> None:
        if not interrupted and any("count         running" in text for text in outputs.texts):
            interrupted.append(True)
            kernel.interrupt()

    outputs = kernel.run("flowrun.run(recipe())", interrupt)
    assert outputs.error == "Interrupted", "a KeyboardInterrupt"
    assert newest_record(tmp_path)["status"] == "interrupted"
    assert kernel.value("1 + 1") == "2"


def test_async_cells_and_threads_show_their_own_runs(kernel: Kernel) -> None:
    outputs = kernel.run(
        "import asyncio\nawait asyncio.sleep(0)\nfirst = flowrun.run(recipe(to=5))\n"
        "await asyncio.sleep(0)\nprint(first.values['n'])"
    )
    assert (outputs.printed, outputs.error, len(outputs.displays)) == ("5\n", "", 1)
    outputs = kernel.run(
        "runs = [asyncio.to_thread(flowrun.run, recipe(to=to)) for to in (6, 7)]\n"
        "print([run.values['n'] for run in await asyncio.gather(*runs)])"
    )
    assert (outputs.printed, outputs.error) == ("[6, 7]\n", "")
    assert sorted(text.splitlines()[1].split()[2] for text in outputs.texts) == ["6", "7"]


def test_a_second_kernel_in_the_same_folder_uses_what_the_first_has_kept(
    kernel: Kernel, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = "r = flowrun.run(recipe(to=4, seconds=0.25)); print(r.record['steps'][0]['kept'])"
    with started(tmp_path, tmp_path_factory.mktemp("second")) as second:
        second.run(CELL)
        second.run("import flowrun.running.runner")  # both are to begin at the same moment
        one, other = kernel.start(run), second.start(run)
        kept = {kernel.finish(one).printed, second.finish(other).printed}
        assert "None\n" in kept, "one of them has called the step"
        assert len(kept) == 2, "the other has used its result"
        assert second.run(run).printed not in ("", "None\n")


def test_a_script_under_percent_run_runs_again_and_is_read_again(
    kernel: Kernel, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    text = CELL + '\nprint(flowrun.run(recipe(), progress=False).record["steps"][0]["kept"])\n'
    script.write_text(text)
    outputs = [kernel.run("%run script.py") for _ in range(3)]
    assert [each.error for each in outputs] == ["", "", ""]
    called, *kept = [each.printed for each in outputs]
    assert called == "None\n"
    assert kept[0] == kept[1] != called
    script.write_text(text.replace("return to", "return to + 1"))
    assert kernel.run("%run script.py").printed == "None\n"


def test_autoreload_and_a_file_of_steps(kernel: Kernel, tmp_path: Path) -> None:
    steps = 'from flowrun import step\n\n@step(outputs="y")\ndef seven() -> int:\n    return 7\n'
    (tmp_path / "sevens.py").write_text(steps)
    kernel.run("%load_ext autoreload\n%autoreload 2\nimport sevens")
    run = (
        'flowrun.run({"recipe": "s", "plugins": ["./sevens.py"], "steps": ["seven"]}, '
        'progress=False).values["y"], sevens.seven()'
    )
    assert kernel.value(run) == "7 7"
    (tmp_path / "sevens.py").write_text(steps.replace("return 7", "return 77"))
    assert kernel.value(run) == "77 77"
    kernel.run("%autoreload 0")


def test_a_process_that_a_cell_forks_shows_nothing(kernel: Kernel) -> None:
    outputs = kernel.run(
        "import os, warnings\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"  # of fork, from Python 3.12 on
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try: flowrun.run(recipe())\n"
        "    finally: os._exit(0)\n"
        "print(os.waitpid(child, 0)[1])"
    )
    assert (outputs.printed, outputs.displays, outputs.warned) == ("0\n", [], "")


SCRIPT = """
import sys
import flowrun

@flowrun.step(outputs="n")
def one(*, ctx) -> int:
    ctx.progress(1, 2)
    return 1

recipe = {"recipe": "r", "plugins": ["__main__"], "steps": ["one"]}
assert flowrun.run(recipe).ok
"""


def printed(*arguments: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True, env=os.environ
    )
    return done.stdout, done.stderr


def test_outside_of_a_notebook_nothing_is_printed_and_ipython_is_not_imported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("script.py").write_text(f"{SCRIPT}\nassert 'IPython' not in sys.modules\n")
    assert printed("script.py") == ("", "")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    Path("script.py").write_text(SCRIPT)
    out, _ = printed("-m", "IPython", "--colors=NoColor", "--no-banner", "script.py")
    assert out == "", "the IPython of a terminal cannot update what it has shown"

"""What a step looks at is seen without its help; what it changes outside is said."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import flowrun
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]


INNER = "from flowrun import step\n@step(outputs='y')\ndef one():\n    return 1\n"


def recipe_of(write: Write, code: str, step: str = "go", folder: str = ".") -> Path:
    """A recipe of one step, which stands in `code`."""
    write(f"{folder}/steps.py", f"from flowrun import step\n{code}")
    return write(f"{folder}/r.yaml", f"recipe: r\nplugins: [./steps.py]\nsteps: [{step}]")


def is_kept(path: Path) -> bool:
    """Whether a run keeps its only step."""
    (step,) = flowrun.run(path).record["steps"]
    return step["kept"] is not None


def test_a_file_that_is_opened_is_a_dependency(write: Write) -> None:
    path = recipe_of(write, "@step(outputs='x')\ndef go():\n    return open('a.txt').read()\n")
    data = write("a.txt", "1")
    assert (is_kept(path), is_kept(path)) == (False, True)
    data.write_text("2")
    assert flowrun.run(path).values["x"] == "2"


@pytest.mark.parametrize(
    ("home", "folder"),
    [(".", "."), (".", "d"), ("d", "d"), (".flowrun", "torchinductor-study")],
)
def test_files_beside_those_of_flowrun_and_torch_are_the_users(
    home: str, folder: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWRUN_HOME", str(Path(home).absolute()))
    code = f"@step(outputs='x')\ndef go():\n    return open('{folder}/a.txt').read()\n"
    path = recipe_of(write, code)
    data = write(f"{folder}/a.txt", "1")
    assert (is_kept(path), is_kept(path)) == (False, True)
    data.write_text("2")
    assert flowrun.run(path).values["x"] == "2"


def test_the_source_lines_of_a_stack_trace_are_nobodys_business(write: Write) -> None:
    write("caller.py", "def call(f):\n    return f()\n")
    code = (
        "import linecache, runpy, traceback\n@step(outputs='x')\ndef go():\n"
        "    call = runpy.run_path('caller.py')['call']\n    linecache.clearcache()\n"
        "    return len(call(traceback.format_stack)) > 0\n"
        "@step(outputs='x')\ndef read():\n    return linecache.getline('data.txt', 1)\n"
    )
    path = recipe_of(write, code)
    (step,) = flowrun.run(path).record["steps"]
    seen = [Path(file).name for file in step["files_read"]]
    assert "caller.py" in seen  # it has run that file
    assert Path(__file__).name not in seen  # whose function is on the stack
    data = write("data.txt", "1")
    path = recipe_of(write, code, "read")
    assert (is_kept(path), is_kept(path)) == (False, True)
    data.write_text("22")
    assert not is_kept(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_step_that_writes_acts_outside_and_says_so(write: Write) -> None:
    code = "@step(outputs='x')\ndef go():\n    open('out.txt', 'w').write('1')\n    return 1\n"
    path = recipe_of(write, code)
    record = flowrun.run(path).record
    assert list(record["steps"][0]["files_written"]) == [str(Path("out.txt").resolve())]
    assert record["warnings"] == ["it writes out.txt: mark it with @step(..., effect=True)"]
    assert is_kept(path)
    Path("out.txt").unlink()
    assert not is_kept(path)
    assert Path("out.txt").read_text() == "1"


def test_temporary_files_are_nobodys_business(write: Write) -> None:
    code = (
        "import tempfile\n@step(outputs='x')\ndef go():\n"
        "    with tempfile.TemporaryDirectory() as folder:\n"
        "        open(folder + '/a', 'w').write('1')\n        return open(folder + '/a').read()\n"
    )
    path = recipe_of(write, code)
    (step,) = flowrun.run(path).record["steps"]
    assert (step["files_read"], step["files_written"]) == ({}, {})
    assert is_kept(path)


def test_a_variable_is_recorded_by_its_digest(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os\n@step(outputs='x')\ndef go():\n    return os.environ.get('TOKEN') is None\n"
    path = recipe_of(write, code)
    assert is_kept(path) is False
    monkeypatch.setenv("TOKEN", "a secret")
    assert flowrun.run(path).values["x"] is False
    kept = b"".join(file.read_bytes() for file in Path(".flowrun").rglob("*") if file.is_file())
    assert b"a secret" not in kept


def test_a_relative_path_belongs_to_the_current_folder(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recipe_of(write, "@step(outputs='x')\ndef go():\n    return open('a.txt').read()\n")
    monkeypatch.setenv("FLOWRUN_HOME", str(Path(".flowrun").resolve()))
    write("a.txt", "here")
    write("other/a.txt", "there")
    assert flowrun.run(path).values["x"] == "here"
    monkeypatch.chdir("other")
    assert flowrun.run(path).values["x"] == "there"


def test_show_lists_what_a_step_looked_at(write: Write, flowrun: Flowrun) -> None:
    code = (
        "import os\n@step(outputs='x')\ndef go():\n    os.environ.get('LEVEL')\n"
        "    return [open(f'd/{name}').read() for name in os.listdir('d')]\n"
    )
    path = recipe_of(write, code)
    write("d/a.txt", "1")
    flowrun(path)
    shown = flowrun("show", "last").stdout
    for text in ("read          d/a.txt", "variable LEVEL", "names in d", "the current folder"):
        assert text in shown
    write("d/b.txt", "2")
    assert "the list of files in d changed" in flowrun("explain", path).stdout


def test_helpers_of_one_name_are_each_folders_own(write: Write) -> None:
    code = (
        "import helper\n@step(outputs='x')\ndef go():\n    import late\n"
        "    return [helper.NAME, late.NAME]\n"
    )
    for name in "ab":
        recipe_of(write, code, folder=name)
        write(f"{name}/helper.py", f"NAME = '{name}'")
        write(f"{name}/late.py", f"NAME = '{name} late'")
    plans = [flowrun.plan(f"{name}/r.yaml") for name in "ab"]
    values = [flowrun.run_plan(plan).values["x"] for plan in plans]
    assert values == [["a", "a late"], ["b", "b late"]]


def test_a_living_process_runs_what_was_edited(write: Write) -> None:
    code = "import helper\n@step(outputs='x')\ndef go():\n    return helper.level()\n"
    path = recipe_of(write, code)
    write("helper.py", "import deeper\ndef level():\n    return deeper.LEVEL\n")
    for level in (1, 2, 1):
        write("deeper.py", f"LEVEL = {level}")
        assert flowrun.run(path).values["x"] == level


def test_an_edit_between_the_plan_and_the_run_does_not_spoil_the_store(write: Write) -> None:
    code = "import helper\n@step(outputs='x')\ndef go():\n    return helper.level()\n"
    path = recipe_of(write, code)
    write("helper.py", "def level():\n    return 1\n")
    plan = flowrun.plan(path)
    write("helper.py", "def level():\n    return 2\n")
    assert flowrun.run_plan(plan).values["x"] == 1, "the plan has the code of its time"
    assert flowrun.run(path).values["x"] == 2


def test_threads_with_seeds_give_the_bits_of_one_after_the_other(write: Write) -> None:
    code = (
        "import random, time\n@step(outputs='x', random=True)\ndef go():\n    drawn = []\n"
        "    for _ in range(20):\n        drawn.append(random.random())\n"
        "        time.sleep(0.001)\n"
        "    return drawn\n"
    )
    path = recipe_of(write, code)

    def drawn(seed: int) -> object:
        return flowrun.run(path, seed=seed, record=False).values["x"]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(drawn, range(4)))
    assert together == [drawn(seed) for seed in range(4)]


def test_a_thread_of_a_step_cannot_wait_for_it(write: Write) -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor\nimport flowrun\n"
        "@step(outputs='x')\ndef go():\n    with ThreadPoolExecutor(1) as pool:\n"
        "        return pool.submit(flowrun.run, 'inner.yaml', record=False).result().ok\n"
    )
    path = recipe_of(write, code)
    write(
        "inner_steps.py", "from flowrun import step\n@step(outputs='y')\ndef one():\n    return 1\n"
    )
    write("inner.yaml", "recipe: i\nplugins: [./inner_steps.py]\nsteps: [one]")
    with pytest.raises(flowrun.StepError, match="steps of one process take turns"):
        flowrun.run(path)


def test_a_step_may_run_a_recipe_itself(write: Write) -> None:
    code = (
        "import flowrun\n@step(outputs='x')\ndef go():\n"
        "    return flowrun.run('inner.yaml', record=False).values['y'] + 1\n"
    )
    path = recipe_of(write, code)
    write(
        "inner_steps.py", "from flowrun import step\n@step(outputs='y')\ndef one():\n    return 1\n"
    )
    write("inner.yaml", "recipe: i\nplugins: [./inner_steps.py]\nsteps: [one]")
    assert flowrun.run(path).values["x"] == 2
    write("inner_steps.py", INNER.replace("return 1", "return 5"))
    assert flowrun.run(path).values["x"] == 6, "the file of the inner recipe's step was opened"


def test_workers_started_by_spawn_import_the_steps_file(write: Write) -> None:
    code = (
        "import multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor\n\n"
        "def square(x):\n    return x * x\n\n@step(outputs='x')\ndef go():\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    with ProcessPoolExecutor(1, mp_context=context) as pool:\n"
        "        return list(pool.map(square, [1, 2, 3]))\n"
    )
    path = recipe_of(write, code)
    main = write("main.py", "import flowrun\nif __name__ == '__main__':\n"
                 "    print(flowrun.run('r.yaml').values['x'])\n")  # fmt: skip
    from tests.processes import run

    done = run([str(main)], cwd=path.parent, env=dict(os.environ), fresh=True)
    assert done.stdout.strip() == "[1, 4, 9]", done.stderr


def test_a_step_is_observed_to_its_end_if_a_hook_that_it_asks_imports_a_module(
    write: Write,
) -> None:
    write("late.py", "")
    code = (
        "import os\nfrom flowrun import hookimpl\n"
        "@hookimpl\ndef flowrun_formats():\n    import late\n    return []\n"
        "@step(outputs='x')\ndef go(*, ctx):\n    ctx.plugins.formats.get('.csv')\n"
        "    return os.path.exists('a.txt')\n"
    )
    path = recipe_of(write, code)
    assert flowrun.run(path).values["x"] is False
    write("a.txt", "1")
    assert flowrun.run(path).values["x"] is True


def test_a_step_is_observed_to_its_end_if_a_package_imports_a_local_module(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("x/site-packages/package_of_test/__init__.py", "import edited_of_test\n")
    write("edited/edited_of_test/__init__.py", "")
    monkeypatch.syspath_prepend(str(tmp_path / "x" / "site-packages"))
    monkeypatch.syspath_prepend(str(tmp_path / "edited"))
    code = (
        "import os\n@step(outputs='x')\ndef go():\n    import package_of_test\n"
        "    return os.path.exists('a.txt')\n"
    )
    path = recipe_of(write, code)
    assert flowrun.run(path).values["x"] is False
    write("a.txt", "1")
    assert flowrun.run(path).values["x"] is True


@pytest.mark.parametrize(
    "asked",
    [
        "os.chdir(d)\n    os.rmdir(d)\n    return os.path.exists(a)",
        "return os.fstat(fd=1).st_size >= 0",
        "return os.stat(path=a).st_size == 1",
    ],
)
def test_functions_that_are_observed_work_as_ever(write: Write, asked: str) -> None:
    write("a.txt", "1")
    code = (
        "import os, tempfile\n@step(outputs='x')\ndef go():\n"
        f"    a, d = os.path.abspath('a.txt'), tempfile.mkdtemp()\n    {asked}\n"
    )
    assert flowrun.run(recipe_of(write, code)).values["x"] is True


def test_a_link_that_is_made_while_a_step_imports_a_module_is_followed(write: Write) -> None:
    write(
        "late.py",
        "import os, tempfile\nlink = tempfile.mkdtemp() + '/l'\n"
        "os.symlink(os.path.abspath('a.txt'), link)\n",
    )
    data = write("a.txt", "1")
    code = "@step(outputs='x')\ndef go():\n    import late\n    return open(late.link).read()\n"
    path = recipe_of(write, code)
    assert flowrun.run(path).values["x"] == "1"
    data.write_text("2")
    assert flowrun.run(path).values["x"] == "2"

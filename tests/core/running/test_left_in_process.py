"""What a step changes in its process is as it was before when the step has ended."""

from __future__ import annotations

import decimal
import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import flowrun
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

_TWO = "recipe: r\nplugins: [./steps.py]\nsteps: [first, second]\n"


def _recipe(write: Write, code: str, recipe: str = _TWO) -> Path:
    write("steps.py", f"from flowrun import step\n{code}")
    return write("r.yaml", recipe)


def _steps(first: str, second: str, top: str = "") -> str:
    return (
        f"{top}\n@step(outputs='x')\ndef first():\n    {first}\n    return 1\n"
        f"@step(outputs='y')\ndef second():\n    return {second}\n"
    )


def test_a_failed_step_leaves_nothing_either(write: Write) -> None:
    code = (
        "import decimal, os, signal, sys\n@step(outputs='x')\ndef first():\n"
        "    os.environ['LEFT'] = '1'\n    os.chdir('/')\n    decimal.getcontext().prec = 3\n"
        "    sys.path.append('/left')\n    signal.signal(signal.SIGUSR1, signal.SIG_IGN)\n"
        "    raise ValueError('x')\n"
    )
    path = _recipe(write, code, "recipe: r\nplugins: [./steps.py]\nsteps: [first]\n")
    folder, handler = Path.cwd(), signal.getsignal(signal.SIGUSR1)
    with pytest.raises(flowrun.StepError):
        flowrun.run(path)
    assert Path.cwd() == folder
    assert "LEFT" not in os.environ
    assert "/left" not in sys.path
    assert decimal.getcontext().prec == 28
    assert signal.getsignal(signal.SIGUSR1) == handler


def test_a_file_said_to_be_written_is_found_from_the_folder_of_then(write: Write) -> None:
    code = (
        "import os\nfrom pathlib import Path\n@step(outputs='x', effect=True)\n"
        "def first(*, ctx):\n    os.mkdir('d')\n    os.chdir('d')\n"
        "    Path('out.txt').write_text('1')\n    ctx.writes(Path('out.txt'))\n    return 1\n"
    )
    path = _recipe(write, code, "recipe: r\nplugins: [./steps.py]\nsteps: [first]\n")
    (step,) = flowrun.run(path).record["steps"]
    assert list(step["files_written"]) == [str(Path("d/out.txt").resolve())]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_variable_that_others_read_is_set_back_with_a_warning(write: Write) -> None:
    result = flowrun.run(_recipe(write, _steps("global K\n    K = 5", "K", "K = 1")))
    assert result.values["y"] == 1
    (warning,) = result.record["warnings"]
    assert warning.startswith("it sets K, which other code reads")


def test_a_variable_that_only_its_setter_reads_stays(write: Write) -> None:
    top = (
        "CALLS = []\nK = None\ndef get():\n    global K\n    if K is None:\n"
        "        CALLS.append(1)\n        K = len(CALLS)\n    return K"
    )
    result = flowrun.run(_recipe(write, _steps("get()", "[get(), len(CALLS)]", top)))
    assert result.values["y"] == [1, 1]
    assert result.record["warnings"] == []


def test_what_an_import_sets_stays_and_is_in_the_key(write: Write) -> None:
    write("helper.py", "import decimal\ndecimal.getcontext().prec = 5\n")
    path = _recipe(write, _steps("import helper", "str(1 / decimal.Decimal(3))", "import decimal"))
    with decimal.localcontext(decimal.Context()):
        assert flowrun.run(path).values["y"] == "0.33333"
        assert decimal.getcontext().prec == 5
        decimal.setcontext(decimal.Context())  # as in a process in which the first step is kept
        result = flowrun.run(path)
    assert [bool(step["kept"]) for step in result.record["steps"]] == [True, False]
    assert result.values["y"] == "0." + 28 * "3"


def test_the_folder_of_tempfile_is_not_seen(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _recipe(write, _steps("pass", "tempfile.gettempdir()", "import tempfile"))
    flowrun.run(path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert all(step["kept"] for step in flowrun.run(path).record["steps"])


def test_a_changed_setting_is_explained(write: Write, flowrun: Flowrun) -> None:
    path = _recipe(write, _steps("pass", "2"))
    assert flowrun(path).returncode == 0
    done = flowrun("explain", path, fresh=True, PYTHONWARNINGS="error::BytesWarning")
    assert "setting of the process, warnings that raise: as usual -> [('error'" in done.stdout


def test_a_variable_with_half_a_pair_of_surrogates_in_its_name(write: Write) -> None:
    read = "os.environ.get('A\\udcff', 'none')"
    path = _recipe(write, _steps("pass", read, "import os"))
    assert flowrun.run(path).values["y"] == "none"
    assert all(step["kept"] for step in flowrun.run(path).record["steps"])


def test_an_import_leaves_its_own_changes_and_none_of_the_step(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_IMPORT", "0")
    monkeypatch.setenv("GONE", "1")
    write("late.py", "import os\nos.environ['OF_IMPORT'] = '1'\ndel os.environ['GONE']\n")
    top = "import os\nos.environ.pop('OF_STEP', None)"
    flowrun.run(_recipe(write, _steps("os.environ['OF_STEP'] = '1'\n    import late", "2", top)))
    assert (os.environ["OF_IMPORT"], "GONE" in os.environ) == ("1", False)
    assert "OF_STEP" not in os.environ


BACKEND = """
import tuned_of_test
from flowrun import Backend, Setting, hookimpl, shown_unless
class Tuning(Backend):
    def settings(self):
        return {settings}
@hookimpl
def flowrun_backend():
    return Tuning()
@step(outputs="x")
def first():
    tuned_of_test.level = 7
    return 1
@step(outputs="y")
def second():
    return str(tuned_of_test.level)
"""


@pytest.fixture
def tuned(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module with a setting, which belongs to no plugin."""
    write("library/tuned_of_test.py", "level = 0\n")
    monkeypatch.syspath_prepend(str(tmp_path / "library"))
    yield importlib.import_module("tuned_of_test")
    del sys.modules["tuned_of_test"]


def test_none_is_a_value_of_a_setting_as_any_other(write: Write, tuned: ModuleType) -> None:
    settings = (
        "(Setting('level', lambda: tuned_of_test.level, "
        "lambda one: setattr(tuned_of_test, 'level', one), shown_unless(0), 'tuned_of_test'),)"
    )
    path = _recipe(write, BACKEND.format(settings=settings))
    assert flowrun.run(path).values["y"] == "0"
    vars(tuned)["level"] = None
    assert flowrun.run(path).values["y"] == "None"
    assert vars(tuned)["level"] is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("(1,)", "gave (1,) for Backend.settings: return a tuple of flowrun.Setting"),
        ("(Setting('level', lambda: 1 / 0, print, shown_unless(0)),)", "the setting `level`"),
        ("1 / 0", "failed in flowrun_backend: ZeroDivisionError"),
    ],
)
def test_settings_that_fail_are_reported_with_their_names(
    write: Write, tuned: ModuleType, settings: str, message: str
) -> None:
    with pytest.raises(flowrun.PluginError) as caught:
        flowrun.run(_recipe(write, BACKEND.format(settings=settings)))
    assert message in str(caught.value)


def test_garbage_is_collected_in_a_step_as_python_does(write: Write, flowrun: Flowrun) -> None:
    """Though not while flowrun itself, or a package, is imported."""
    code = (
        "import gc\n@step(outputs=['before', 'after'])\ndef first():\n"
        "    before = gc.isenabled(), gc.get_threshold()\n    import numpy, torch\n"
        "    return before, (gc.isenabled(), gc.get_threshold())\n"
    )
    write("steps.py", f"from flowrun import step\n{code}")
    usual = f"{{equals: [true, {list(gc.get_threshold())}]}}"
    write("r.yaml", "recipe: r\nplugins: [./steps.py]\nsteps: [first]\n"
                    f"expect: {{before: {usual}, after: {usual}}}\n")  # fmt: skip
    assert flowrun("r.yaml").returncode == 0

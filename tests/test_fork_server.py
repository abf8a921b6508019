"""A forked Python is a new one: what a test sees of it is the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import processes
from tests.processes import Python, can_be_forked, run

FORKED_OR_NEW = pytest.mark.parametrize("fresh", [False, True], ids=["forked", "new"])


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """The file of a module that can be run with `-m one`."""
    return tmp_path / "one.py"


@FORKED_OR_NEW
@pytest.mark.parametrize(
    ("code", "exit_code", "error"),
    [
        ("pass", 0, ""),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit(256 + 4)", 4, ""),
        ("raise SystemExit('no wine')", 1, "no wine\n"),
        ("import os; os._exit(5)", 5, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, ""),
        ("import atexit, sys; atexit.register(sys.stderr.write, 'at the end')", 0, "at the end"),
        ("import threading, time, sys\n"
         "def late(): time.sleep(0.1); sys.stderr.write('late')\n"
         "threading.Thread(target=late).start()", 0, "late"),
    ],
)  # fmt: skip
def test_the_exit_code_is_that_of_the_code(
    code: str, exit_code: int, error: str, fresh: bool
) -> None:
    done = run(["-c", code], fresh=fresh)
    assert (done.returncode, done.stdout, done.stderr) == (exit_code, "", error)


@FORKED_OR_NEW
def test_an_interrupt_ends_it_by_the_signal(fresh: bool) -> None:
    done = run(["-c", "import os, signal; os.kill(os.getpid(), signal.SIGINT)"], fresh=fresh)
    assert done.returncode == -signal.SIGINT
    assert done.stderr.splitlines()[-1] == "KeyboardInterrupt"


@pytest.mark.parametrize("way", ["-m", "-c", "file"])
def test_a_traceback_is_the_one_of_a_new_python(way: str, module: Path) -> None:
    code = "def broken():\n    1 / 0\n\nbroken()\n"
    module.write_text(code)
    arguments = {"-m": ["-m", "one"], "-c": ["-c", code], "file": ["one.py"]}[way]
    forked, new = run(arguments), run(arguments, fresh=True)
    assert "ZeroDivisionError: division by zero" in forked.stderr
    assert (forked.returncode, forked.stderr) == (new.returncode, new.stderr) == (1, new.stderr)


WORLD = """
import json, os, signal, sys, threading, warnings
signals = {str(one): str(signal.getsignal(one)) for one in signal.valid_signals()}
print(json.dumps({
    "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path, "cwd": os.getcwd(),
    "environment": dict(os.environ), "main": sorted(vars(sys.modules["__main__"])),
    "name": __name__, "package": __package__, "has_spec": __spec__ is not None,
    "terminals": [one.isatty() for one in (sys.stdin, sys.stdout, sys.stderr)],
    "names": [one.name for one in (sys.stdin, sys.stdout, sys.stderr)],
    "encodings": [one.encoding for one in (sys.stdin, sys.stdout, sys.stderr)],
    "errors": [one.errors for one in (sys.stdin, sys.stdout, sys.stderr)],
    "line buffering": [one.line_buffering for one in (sys.stdin, sys.stdout, sys.stderr)],
    "write through": [one.write_through for one in (sys.stdin, sys.stdout, sys.stderr)],
    "originals": [sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__],
    "bytecode": [sys.dont_write_bytecode, sys.pycache_prefix], "flags": list(sys.flags),
    "threads": threading.active_count(), "thread": threading.current_thread().name,
    "umask": os.umask(0), "signals": signals, "descriptors": len(os.listdir("/proc/self/fd")),
    "libraries": [name for name in ("flowrun", "numpy", "torch", "yaml") if name in sys.modules],
    "executable": sys.executable, "prefix": sys.prefix,
}))
"""


@pytest.mark.parametrize("way", ["-m", "-c", "file"])
def test_it_finds_the_world_that_a_new_python_finds(
    way: str, module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPE", "Vinhão")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}/here{os.pathsep}there")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "compiled"))
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    module.write_text(WORLD, encoding="utf-8")
    arguments = {"-m": ["-m", "one"], "-c": ["-c", WORLD], "file": [str(module)]}[way]
    forked, new = (
        run([*arguments, "a", "-b"], cwd=tmp_path, fresh=fresh, stdin=subprocess.DEVNULL)
        for fresh in (False, True)
    )
    assert new.returncode == 0, new.stderr
    assert forked.returncode == 0, forked.stderr
    assert json.loads(forked.stdout) == json.loads(new.stdout)


OPTIONS = """
import json, sys, warnings
print(json.dumps([
    sys.argv, sys.orig_argv, sys.path, sys.stdout.write_through, sys.warnoptions,
    str(warnings.filters[0]) if sys.warnoptions else None,
]))
"""


@pytest.mark.parametrize("options", [["-P"], ["-u"], ["-W", "error::SyntaxWarning", "-P"]], ids=str)
@pytest.mark.parametrize("way", ["-m", "-c", "file"])
def test_options_of_python_have_their_effect(way: str, options: list[str], module: Path) -> None:
    module.write_text(OPTIONS)
    arguments = {
        "-m": ["-m", "json.tool", "--help"], "-c": ["-c", OPTIONS], "file": [str(module)],
    }[way]  # fmt: skip
    forked, new = (run([*options, *arguments, "a"], fresh=fresh) for fresh in (False, True))
    assert new.returncode == 0
    assert (forked.stdout, forked.stderr) == (new.stdout, new.stderr)


STARTS = """
import json, os, subprocess, sys
code = "import os, sys; print(os.getppid(), os.getpgrp(), sys.stdin.read(), sys.argv, os.getcwd())"
done = subprocess.run([sys.executable, "-u", "-c", code, "a"], cwd="/", input="wine", text=True,
                      capture_output=True)
assert isinstance(subprocess.Popen([sys.executable, "-c", "1 / 0"]), subprocess.Popen)
alone = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1,
                         process_group=0)
print(json.dumps([os.getpid(), os.getppid(), os.getpgrp(), os.getpgid(alone.pid), alone.pid]))
alone.communicate(b"end")
print(done.stdout)
sys.exit(alone.returncode)
"""


@FORKED_OR_NEW
def test_what_a_child_starts_is_forked_from_the_server_too(fresh: bool) -> None:
    done = run(["-c", STARTS], fresh=fresh)
    assert done.returncode == 0, done.stderr
    assert "ZeroDivisionError" in done.stderr
    first, second = done.stdout.splitlines()[:2]
    process, parent, group, group_alone, alone = json.loads(first)
    assert group_alone == alone
    above, group_below, *rest = second.split(" ", 2)
    assert int(above) == (process if fresh else parent)
    assert int(group_below) == group
    assert rest == ["wine ['-c', 'a'] /"]


POOL = """
import os, sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

def double(number):
    if number == 7:
        os._exit(1)
    assert "torch" not in sys.modules
    return os.getppid(), os.getpgrp(), number * 2

if __name__ == "__main__":
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(double, range(5)))
    assert [number for _, _, number in found] == [0, 2, 4, 6, 8]
    (above,), (group,) = ({one[at] for one in found} for at in (0, 1))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        print(above in (os.getpid(), os.getppid()), group == os.getpgrp(), above == os.getppid())
        pool.submit(double, 7).result()
"""


@FORKED_OR_NEW
def test_a_pool_of_processes_that_are_spawned_is_forked_from_the_server_too(
    fresh: bool, module: Path
) -> None:
    module.write_text(POOL)
    done = run([module], fresh=fresh)
    assert done.returncode == 1
    assert "BrokenProcessPool" in done.stderr
    assert done.stdout == f"True True {not fresh}\n"


SPAWNED = """
import sys, time
from multiprocessing import get_context
from pathlib import Path

def slow(path):
    time.sleep(0.3)
    Path(path).write_text("done")

if __name__ == "__main__":
    process = get_context("spawn").Process(target=slow, args=(sys.argv[1],))
    process.start()
    process.join()
    print(Path(sys.argv[1]).read_text())
"""


@FORKED_OR_NEW
def test_a_process_that_is_spawned_is_waited_for(fresh: bool, module: Path, tmp_path: Path) -> None:
    module.write_text(SPAWNED)
    done = run([module, tmp_path / "left"], fresh=fresh)
    assert (done.stdout, done.stderr) == ("done\n", "")


@FORKED_OR_NEW
def test_the_streams_are_those_it_is_given(fresh: bool, tmp_path: Path) -> None:
    code = "import sys, os; print(sys.stdin.read().upper()); os.system('echo below >&2')"
    with (tmp_path / "both").open("w+") as both:
        with Python(
            ["-c", code], stdin=subprocess.PIPE, stdout=both, stderr=subprocess.STDOUT, fresh=fresh
        ) as process:
            process.communicate("wine")
        both.seek(0)
        assert sorted(both.read().split()) == ["WINE", "below"]


@FORKED_OR_NEW
def test_it_can_be_waited_for_and_ended(fresh: bool) -> None:
    code = "import time; print('begun', flush=True); time.sleep(60)"
    with Python(["-c", code], stdout=subprocess.PIPE, fresh=fresh) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == process.poll() == -signal.SIGTERM
        process.kill()  # does nothing to one that has ended
    assert process.returncode == -signal.SIGTERM


def test_one_that_takes_too_long_is_killed() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run(["-c", "import time; time.sleep(60)"], timeout=0.5)


def test_children_run_side_by_side_and_each_gets_its_own_end() -> None:
    code = "import sys, time; time.sleep(float(sys.argv[1])); sys.exit(int(sys.argv[2]))"
    late = Python(["-c", code, "0.3", "1"])
    soon = Python(["-c", code, "0", "2"])
    begun = time.monotonic()
    assert soon.wait(timeout=60) == 2
    assert late.wait(timeout=60) == 1
    assert time.monotonic() - begun < 60
    assert soon.pid != late.pid != os.getpid()


def test_nothing_of_one_child_is_left_for_the_next() -> None:
    leave = (
        "import sys, os, torch, yaml, flowrun, decimal\n"
        "torch.left = yaml.left = flowrun.left = decimal.left = os.environ['LEFT'] = '1'\n"
        "torch.set_default_dtype(torch.float64); torch.manual_seed(3); sys.path.append('left')"
    )
    look = (
        "import sys, os, torch, yaml, flowrun, decimal\n"
        "assert not any(hasattr(one, 'left') for one in (torch, yaml, flowrun, decimal))\n"
        "assert 'LEFT' not in os.environ and 'left' not in sys.path\n"
        "assert torch.get_default_dtype() == torch.float32 and torch.initial_seed() != 3"
    )
    for code in (leave, look):
        assert run(["-c", code]).stderr == ""


def test_random_numbers_are_others_in_each_child_and_the_same_after_a_seed() -> None:
    draw = "print(random.random(), numpy.random.rand(), torch.rand(1).item(), uuid.uuid4())"
    seed = "random.seed(1), numpy.random.seed(1), torch.manual_seed(1)"
    code = f"import random, numpy, torch, uuid; {draw}; {seed}; {draw}"
    first, second, new = (run(["-c", code], fresh=fresh).stdout for fresh in (False, False, True))
    one, other, third = (text.split() for text in (first, second, new))
    assert all(a != b for a, b in zip(one[:4], other[:4], strict=True))
    assert one[4:7] == other[4:7] == third[4:7]


def test_libraries_are_seen_once_they_are_imported_and_are_whole() -> None:
    code = (
        "import sys, numpy, yaml\n"
        "assert not [name for name in sys.modules if name.startswith(('torch', 'sympy'))]\n"
        "import importlib.util\n"
        "origin = importlib.util.find_spec('torch').origin; assert 'torch' not in sys.modules\n"
        "import torch; assert torch.__file__ == torch.__spec__.origin == origin\n"
        "assert {'torch', 'torch.nn', 'torch.nn.functional', 'numpy'} <= set(sys.modules)\n"
        "from torch.nn import functional; assert functional is torch.nn.functional\n"
        "import inspect; assert 'def relu' in inspect.getsource(functional.relu)\n"
        "import torch.utils.data, importlib; importlib.reload(torch.nn.functional)\n"
        "assert torch.nn.Linear(2, 1)(torch.ones(1, 2)).shape == (1, 1)"
    )
    done = run(["-c", code])
    assert done.returncode == 0, done.stderr


def test_a_module_of_ones_own_stands_before_the_library_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text("own = True")
    (tmp_path / "flowrun").mkdir()
    (tmp_path / "flowrun" / "__init__.py").write_text("own = True")
    (tmp_path / "flowrun" / "errors.py").write_text("own = True")
    code = (
        "import yaml, flowrun.errors; print(yaml.own, flowrun.own, flowrun.errors.own)\n"
        "try: import flowrun_tensors.steps.load\n"
        "except ImportError as error: assert 'flowrun' in str(error)"  # it is of the other flowrun
    )
    assert run(["-c", code], cwd=tmp_path).stdout == "True True True\n"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    assert run(["-c", code], cwd="/", env=environment).stdout == "True True True\n"


def test_what_a_fork_cannot_change_starts_a_new_python(tmp_path: Path) -> None:
    usual = dict(os.environ)
    command = ["-m", "flowrun"]
    (tmp_path / "sitecustomize.py").write_text("")
    assert can_be_forked(command, usual) == (sys.platform == "linux")
    assert can_be_forked(command, {**usual, "PYTHONPATH": "elsewhere"})
    for changed in (
        {"PYTHONHASHSEED": "1"}, {"LD_PRELOAD": "faults.so"}, {"OMP_NUM_THREADS": "2"},
        {"PYTHONWARNINGS": "error"}, {"PYTHONPATH": str(tmp_path)},
    ):  # fmt: skip
        assert not can_be_forked(command, {**usual, **changed}), changed
    assert not can_be_forked(command, {"PATH": usual["PATH"]})
    assert not can_be_forked(["-X", "dev", *command], usual)
    assert not can_be_forked(["-u"], usual)


def test_a_hash_seed_is_heeded() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    first, second = (run(["-c", "print(hash('a'))"], env=environment).stdout for _ in range(2))
    assert first == second


def test_a_signal_to_its_group_does_not_reach_the_server() -> None:
    parent = "import os; print(os.getppid())"
    before = run(["-c", parent]).stdout
    assert run(["-c", "import os, signal; os.kill(0, signal.SIGTERM)"]).returncode == -15
    assert run(["-c", parent]).stdout == before


@pytest.mark.campaign(every=0)
def test_a_server_that_was_killed_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    monkeypatch.setenv(processes.OWNER, str(owner.pid))  # a session of its own
    parents = [int(run(["-c", "import os; print(os.getppid())"]).stdout)]
    os.kill(parents[0], signal.SIGKILL)
    path = str(processes.folder(str(owner.pid)) / "socket")
    while socket.socket(socket.AF_UNIX).connect_ex(path) == 0:
        time.sleep(0.1)
    parents.append(int(run(["-c", "import os; print(os.getppid())"]).stdout))
    assert parents[0] != parents[1]
    owner.communicate(b"\n")
    shutil.rmtree(processes.folder(str(owner.pid)))


def test_the_server_says_why_it_cannot_start(tmp_path: Path) -> None:
    path = tmp_path / "no such folder" / "socket"
    done = subprocess.run(
        [sys.executable, processes.fork_server.__file__, str(path), str(os.getpid()), "yaml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "No such file or directory" in done.stderr

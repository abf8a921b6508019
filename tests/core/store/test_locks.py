"""Locks of keys: one holder at a time, in whatever process or thread, and none after its end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

import flowrun
from flowrun.store.database import StoreErrors
from flowrun.store.locks import Locks
from tests.core.store.conftest import World

KEY = "0123456789abcdef" * 4
SAME_OFFSET = KEY[:15] + "f" * 49
OTHER = "f" * 64
HOLD = """
import sys, time
from pathlib import Path
from flowrun.store.locks import Locks
from flowrun.store.database import StoreErrors
own = Locks(Path(sys.argv[1]), StoreErrors(print), of_bytes={of_bytes})
with own.held(sys.argv[2], print):
    {inside}
    print("held", flush=True)
    time.sleep(60)
"""
FORKED = "import os; child = os.fork(); child or time.sleep(60); print(child, flush=True)"

linux = pytest.mark.skipif(sys.platform != "linux", reason="locks of open files")

Make = Callable[[], Locks]


@pytest.fixture(
    params=[pytest.param(True, marks=linux, id="bytes"), pytest.param(False, id="files")]
)
def of_bytes(request: pytest.FixtureRequest) -> bool:
    """Whether locks are those of Linux, or those of other systems."""
    return bool(request.param)


@pytest.fixture
def make(tmp_path: Path, of_bytes: bool) -> Make:
    """Makes the locks of one run."""
    return lambda: Locks(tmp_path, StoreErrors(pytest.fail), of_bytes=of_bytes)


@contextmanager
def holder(folder: Path, of_bytes: bool, inside: str = "pass") -> Iterator[list[str]]:
    """Another process that holds a lock until it is killed here; gives what it printed first."""
    script = HOLD.format(of_bytes=of_bytes, inside=inside)
    command = [sys.executable, "-c", script, str(folder), KEY]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = []
    while not said or said[-1] != "held":
        said.append(process.stdout.readline().strip())
        assert process.poll() is None
    try:
        yield said
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_a_lock_excludes_other_holders_until_it_is_released(make: Make) -> None:
    one, other = make(), make()
    with one.held(KEY, pytest.fail):
        assert not other.is_free(KEY)
        assert other.is_free(OTHER)
    assert other.is_free(KEY)


def test_a_lock_is_released_if_its_block_raises(make: Make) -> None:
    one, other = make(), make()
    with pytest.raises(KeyboardInterrupt), one.held(KEY, pytest.fail):
        raise KeyboardInterrupt
    assert other.is_free(KEY)


def test_another_process_excludes_this_one_until_it_is_killed(
    tmp_path: Path, make: Make, of_bytes: bool
) -> None:
    here = make()
    with holder(tmp_path, of_bytes):
        assert not here.is_free(KEY)
        assert here.is_free(OTHER)
    assert here.is_free(KEY)


@linux
def test_a_child_that_outlives_the_holder_does_not_hold_its_lock(tmp_path: Path) -> None:
    here = Locks(tmp_path, StoreErrors(pytest.fail))
    with holder(tmp_path, True, FORKED) as said:
        child = int(said[0])
    try:
        os.kill(child, 0)  # it is there
        end = time.monotonic() + 10  # the child closes the file when it first gets a processor
        while not here.is_free(KEY) and time.monotonic() < end:
            time.sleep(0.01)
        assert here.is_free(KEY)
    finally:
        os.kill(child, signal.SIGKILL)


def test_threads_with_locks_of_their_own_exclude_each_other(make: Make) -> None:
    inside, most, rounds = [], [], 20

    def work() -> None:
        own = make()
        for _ in range(rounds):
            with own.held(KEY, lambda: None):
                inside.append(threading.get_ident())
                time.sleep(0.001)
                most.append(len(inside))
                inside.remove(threading.get_ident())
        own.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 4 * rounds
    assert max(most) == 1


@linux
def test_keys_at_one_offset_only_wait_for_each_other(tmp_path: Path) -> None:
    one, other = (Locks(tmp_path, StoreErrors(pytest.fail)) for _ in range(2))
    with one.held(KEY, pytest.fail):
        assert not other.is_free(SAME_OFFSET)
    with other.held(SAME_OFFSET, pytest.fail):
        assert not one.is_free(KEY)
    assert one.is_free(KEY)


def test_a_long_wait_is_announced_once(make: Make) -> None:
    one, other, said = make(), make(), []
    held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with one.held(KEY, pytest.fail):
            held.set()
            may_end.wait(30)
            time.sleep(0.05)  # it is announced that this one is waited for, and it holds on

    def announce() -> None:
        said.append("waiting")
        may_end.set()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    with other.held(KEY, announce):
        assert said == ["waiting"]
    thread.join()


def test_without_a_place_for_locks_nobody_waits_and_one_warning_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    said: list[str] = []
    errors = StoreErrors(said.append)
    here = Locks(tmp_path / "file" / "store", errors)
    for _ in range(2):
        with here.held(KEY, pytest.fail):
            assert not here.is_free(KEY)
    errors.report()
    (warning,) = said
    assert f"locks in {tmp_path / 'file' / 'store' / 'lock'}" in warning


def test_lock_files_that_nobody_uses_any_more_are_removed(tmp_path: Path) -> None:
    one, other = (Locks(tmp_path, StoreErrors(pytest.fail), of_bytes=False) for _ in range(2))
    with one.held(OTHER, pytest.fail):
        pass
    with one.held(KEY, pytest.fail):
        other.remove_unused(time.time() + 60)
        assert [path.stem for path in (tmp_path / "locks").iterdir()] == [KEY[:32]]
    other.remove_unused(time.time() - 60)
    assert (tmp_path / "locks" / f"{KEY[:32]}.lock").exists()
    other.remove_unused(time.time() + 60)
    assert list((tmp_path / "locks").iterdir()) == []


def _take(folder: str, results: multiprocessing.Queue[int]) -> None:
    own = Locks(Path(folder), StoreErrors(print))
    for _ in range(50):
        with own.held(KEY, lambda: None):
            path = Path(folder) / "count"
            path.write_text(str(int(path.read_text()) + 1))
    results.put(1)


def test_processes_that_count_in_turns_lose_no_count(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=_take, args=(str(tmp_path), results)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (tmp_path / "count").read_text() == "150"


@linux
def test_two_threads_that_run_one_recipe_call_a_step_once(world: World) -> None:
    (world.folder / "mine.py").write_text(
        "import time\nfrom flowrun import step\n\n@step(outputs='x')\ndef slow():\n"
        "    open(__import__('os').environ['CALLS'], 'a').write('slow\\n')\n"
        "    time.sleep(0.4)\n    return 1\n"
    )
    world.path.write_text("recipe: r\nplugins: [./mine.py]\nsteps: [slow]\n")
    plans = [flowrun.plan(world.path) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda plan: flowrun.run_plan(plan, warn=lambda _: None), plans))
    assert [result.values["x"] for result in results] == [1, 1]
    assert Path(os.environ["CALLS"]).read_text() == "slow\n"

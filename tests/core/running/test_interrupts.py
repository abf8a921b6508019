"""Signals and checkpoints: when a step ends, when its progress is saved, and what is restored."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flowrun
from flowrun.running.checkpoints import Interrupted, Interrupts
from flowrun.running.results import StepResult

STEPS = '''
import os, signal
from flowrun import step

@step(outputs="count")
def count(*, stop_at: int = 5, signals: int = 1, ctx):
    """Count to ten, and be interrupted on the way the first time."""
    start = (ctx.restored or {"n": 0})["n"]
    with open(os.environ["CALLS"], "a") as file:
        print(start, file=file)
    for n in range(start, 10):
        ctx.checkpoint(lambda: {"n": n})
        if n == stop_at and ctx.restored is None:
            for _ in range(signals):
                os.kill(os.getpid(), signal.SIGTERM)
    return 10

@step(outputs="saved")
def offer(*, ctx):
    """Offer its progress once."""
    saved = []
    ctx.checkpoint(lambda: saved.append(1) or 1)
    return len(saved)
'''


@pytest.fixture(autouse=True)
def _steps(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("steps.py").write_text(STEPS)
    monkeypatch.delenv("FLOWRUN_CHECKPOINT_SECONDS", raising=False)


def recipe(step: str, **options: object) -> dict[str, Any]:
    return {"recipe": "r", "plugins": ["./steps.py"], "steps": [{step: options}]}


def starts() -> list[str]:
    """The numbers from which the step has counted."""
    return Path(os.environ["CALLS"]).read_text().split()


def interrupted(given: dict[str, Any], **arguments: Any) -> tuple[Interrupted, str]:
    """The end of a run that a signal ends, and the error in its record."""
    with pytest.raises(Interrupted) as caught:
        flowrun.run(given, **arguments)
    return caught.value, last_error()


def last_error() -> str:
    paths = Path(".flowrun/runs").glob("*/run.json")
    newest = max(paths, key=lambda path: path.stat().st_mtime_ns)
    record = json.loads(newest.read_text())
    assert record["status"] == "interrupted"
    return str(record["error"])


@pytest.mark.usefixtures("own_signals")
def test_a_first_signal_saves_the_progress_and_the_next_run_resumes() -> None:
    error, told = interrupted(recipe("count"))
    assert (error.signal, error.saved, str(error)) == (
        signal.SIGTERM, True, "interrupted by SIGTERM",
    )  # fmt: skip
    assert told == (
        "interrupted in `count`, step 1 of 1; a checkpoint of it is saved: run the same command to "
        "resume"
    )
    assert flowrun.run(recipe("count")).values["count"] == 10
    assert starts() == ["0", "6"]
    error, _ = interrupted({**recipe("count"), "about": "The step is called again."}, fresh=True)
    assert error.saved
    assert starts()[2:] == ["0"], "the checkpoint is gone once the step is done"


@pytest.mark.usefixtures("own_signals")
def test_a_second_signal_ends_the_step_at_once() -> None:
    error, told = interrupted(recipe("count", signals=2))
    assert not error.saved
    assert told == (
        "interrupted in `count`, step 1 of 1; nothing is saved, and the same command starts over"
    )


@pytest.mark.usefixtures("own_signals")
@pytest.mark.parametrize(("stop_at", "fresh"), [(6, False), (5, True)])
def test_a_step_of_other_options_or_of_a_fresh_run_starts_over(stop_at: int, fresh: bool) -> None:
    interrupted(recipe("count"))
    interrupted(recipe("count", stop_at=stop_at), fresh=fresh)
    assert starts() == ["0", "0"]


@pytest.mark.usefixtures("own_signals")
def test_without_a_record_nothing_is_saved() -> None:
    with pytest.raises(Interrupted) as caught:
        flowrun.run(recipe("count"), record=False)
    assert not caught.value.saved
    assert not Path(".flowrun").exists()


STEPS_ALONE = '''
from flowrun import step

@step(outputs="n")
def pick(*, number: int):
    """Give a number."""
    return number

@step(outputs="n")
def lost(*, ctx):
    """Report what is no number, and be interrupted."""
    ctx.progress(float("inf"), 10)
    raise KeyboardInterrupt
'''


class Interrupter:
    """A listener that interrupts the run when it hears that a certain step has ended."""

    def __init__(self, step: str) -> None:
        self._step = step

    @flowrun.hookimpl
    def flowrun_step_finished(self, result: StepResult) -> None:
        if result.id == self._step:
            raise KeyboardInterrupt

    @flowrun.hookimpl
    def flowrun_step_kept(self, result: StepResult) -> None:
        self.flowrun_step_finished(result)


def interrupted_after(step: str) -> str:
    """The error in the record of a run of three steps that is interrupted after one of them."""
    Path("alone.py").write_text(STEPS_ALONE)
    steps = [{"pick": {"number": at}, "id": name} for at, name in enumerate("abc")]
    plan = flowrun.plan({"recipe": "r", "plugins": ["./alone.py"], "steps": steps})
    with pytest.raises(KeyboardInterrupt):
        flowrun.run_plan(plan, listeners=[Interrupter(step)])
    return last_error()


def test_an_interrupt_between_two_steps_names_the_last_that_is_done() -> None:
    for _ in range(2):  # called, then kept
        assert interrupted_after("b") == (
            "interrupted after `b`, step 2 of 3; run the same command to resume"
        )
    assert interrupted_after("c") == (
        "interrupted after the last step; run the same command to resume"
    )


def test_progress_without_a_number_is_left_out_of_the_hint() -> None:
    Path("alone.py").write_text(STEPS_ALONE)
    with pytest.raises(KeyboardInterrupt):
        flowrun.run({"recipe": "r", "plugins": ["./alone.py"], "steps": ["lost"]})
    assert last_error() == (
        "interrupted in `lost`, step 1 of 1; nothing is saved, and the same command starts over"
    )


@pytest.mark.parametrize(
    ("interval", "saved"), [("0", 1), ("1000", 0), ("inf", 0), ("", 0), (None, 0)]
)
def test_a_checkpoint_is_due_after_the_interval(
    interval: str | None, saved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if interval is not None:
        monkeypatch.setenv("FLOWRUN_CHECKPOINT_SECONDS", interval)
    assert flowrun.run(recipe("offer")).values["saved"] == saved


@pytest.mark.parametrize("interval", ["-3", "x", "nan"])
def test_an_interval_that_is_no_number_of_seconds_is_an_error_that_names_it(
    interval: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWRUN_CHECKPOINT_SECONDS", interval)
    with pytest.raises(flowrun.FlowrunError, match=f"FLOWRUN_CHECKPOINT_SECONDS is `{interval}`"):
        flowrun.run(recipe("offer"))


@pytest.fixture
def own_signals() -> Iterator[None]:
    """The signals as a command has them: their handlers are Python's own."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("own_signals")
def test_handlers_of_others_are_left_and_ones_own_are_taken_back() -> None:
    interrupts = Interrupts()
    mine = signal.signal(signal.SIGTERM, lambda *_: None)
    assert mine is signal.SIG_DFL
    other = signal.getsignal(signal.SIGTERM)
    with interrupts.watching():
        assert signal.getsignal(signal.SIGTERM) is other
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is other


@pytest.mark.usefixtures("own_signals")
def test_a_signal_between_two_steps_ends_the_run_before_the_next() -> None:
    interrupts = Interrupts()
    interrupts.begin_step()
    assert not interrupts.look()
    with interrupts.watching():
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.look()
        with pytest.raises(Interrupted) as caught:
            interrupts.begin_step()
    assert (caught.value.signal, caught.value.saved) == (signal.SIGINT, False)

"""A contender's process as the benchmark sees it: started, told to train, asked for its result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.environments import CHECKOUT, Environment
from benchmarks.training.cases import LR, Case
from benchmarks.training.roster import Contender

LIMIT = 1200.0  # seconds until a process that does not answer is ended
TURN = 0.2  # seconds a turn takes at least: fast contenders train many times in it
# Whatever the machine's settings say, nobody may be given other kernels or more threads.
NOT_PASSED_ON = (
    *("OMP_", "OPENBLAS_", "MKL_", "KMP_", "GOTO_", "BLIS_", "VECLIB_", "NUMEXPR_"),
    *("XLA_", "JAX_", "TORCH", "PYTORCH_", "NUMBA_", "TRITON_", "NPROC"),
)
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "NPROC": "1",  # from this XLA takes the size of its pool of threads
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


class FailedError(Exception):
    """A contender did not do what it should; the message says why."""


class NotAvailableError(Exception):
    """A contender cannot take part here, which is nobody's mistake; the message says why."""


def variables(environment: Environment, folder: Path) -> dict[str, str]:
    """The environment variables of a process on one thread, whose caches begin empty."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    kept = {
        name: value
        for name, value in environment.variables(home).items()
        if not name.upper().startswith(NOT_PASSED_ON)
    }
    caches = {
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "NUMBA_CACHE_DIR": str(folder / "numba"),
    }
    return kept | ONE_THREAD | caches


@dataclass(frozen=True)
class Ended:
    """Where a training ended: parameters by name, each loss, and the error of the predictions."""

    params: dict[str, list[float]]
    losses: list[float] | None
    mse: float | None
    note: str


@dataclass
class Participant:
    """A contender in one case, on one device (`cpu` or `cuda`).

    first: seconds of its first training, with all that was prepared for it. threads: the most CPU
    seconds that it took in a second.
    """

    contender: Contender
    case: Case
    device: str
    steps: int
    first: float = 0.0
    threads: float = 0.0
    _scratch: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def scale(self) -> float:
        """By what its seconds are multiplied to be those of all steps of the case."""
        return self.case.steps / self.steps

    def start(self, environment: Environment, data: Path) -> None:
        """Start the process, have it prepare and train for the first time."""
        self._scratch = tempfile.TemporaryDirectory(prefix="training-")
        folder = Path(self._scratch.name)
        # The benchmarks alone, as the checkout around them would show its flowrun as well.
        (folder / "code").mkdir()
        (folder / "code" / "benchmarks").symlink_to(CHECKOUT / "benchmarks")
        one = self.contender
        arguments = [one.module, one.option, str(data), str(LR), str(self.steps), self.device]
        with (folder / "errors.txt").open("wb") as errors:
            self._process = subprocess.Popen(
                [environment.program("python"), "-m", "benchmarks.training.worker", *arguments],
                cwd=folder,
                env=variables(environment, folder) | {"PYTHONPATH": str(folder / "code")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        prepared = self._answer()["prepared"]
        self.first = prepared + self._ask({"train": 0})["seconds"]

    def turn(self) -> float:
        """The seconds of one training with all steps of the case, measured in this turn."""
        answer = self._ask({"train": TURN})
        self.threads = max(self.threads, answer["threads"])
        return self.scale * float(answer["seconds"])

    def result(self) -> Ended:
        """Where its last training ended."""
        return Ended(**self._ask({"result": True}))

    def stop(self) -> None:
        """End the process and whatever it started, and remove its folder."""
        if self._process:
            if self._process.poll() is None:
                self._kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe:
                    pipe.close()
        if self._scratch:
            self._scratch.cleanup()
        self._process = self._scratch = None

    def _kill(self) -> None:
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
        except BrokenPipeError as error:
            raise FailedError(self._why()) from error
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        keeper = threading.Timer(LIMIT, self._kill)
        keeper.start()
        line = self._process.stdout.readline()
        keeper.cancel()
        if not line:
            raise FailedError(self._why())
        answer: dict[str, Any] = json.loads(line)
        if "unavailable" in answer:
            raise NotAvailableError(answer["unavailable"])
        if "failed" in answer:
            raise FailedError(answer["failed"])
        return answer

    def _why(self) -> str:
        """What its process said last, when it has ended without an answer."""
        assert self._process is not None
        assert self._scratch is not None
        code = self._process.wait()
        if code == -signal.SIGKILL:
            return f"it was killed: no answer for {LIMIT:g} s, or no memory left"
        errors = Path(self._scratch.name) / "errors.txt"
        said = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"its process ended with code {code}: {said[-1] if said else 'it said nothing'}"

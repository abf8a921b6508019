"""Python run in a process of its own: forked from a server that has torch imported, or new.

`Python` is `subprocess.Popen` for a run of this Python: it has the same attributes and methods. It
forks where that makes no difference, and starts a new Python where it does, or where it is asked to
(`fresh=True`): for a test of what Python loads or of the start itself.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from tests import fork_server

OWNER = "FORK_SERVER_OWNER"  # the variable with the process id of the session of tests
START_SECONDS = 120.0

# What Python, the loader and the libraries read when they start, and a fork has behind it.
_AT_START = (
    "PYTHON", "LANG", "LC_", "LD_", "MALLOC_", "MKL_", "NUMBA_", "NPY_", "OMP_", "OPENBLAS_",
    "PYTORCH_", "TORCH",
)  # fmt: skip
# Of these, what a child takes over; everybody's Python speaks UTF-8 by now.
_TAKEN_OVER = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONUNBUFFERED"}
_TAKEN_OVER |= {"PYTHONUTF8"} if sys.getfilesystemencoding() == "utf-8" else set()

seconds = 0.0  # of processor, that children forked for this process have taken


class Python(subprocess.Popen[str]):
    """A run of this Python with these arguments: `-m MODULE ...`, `-c CODE ...` or `FILE ...`."""

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        cwd: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        fresh: bool = False,
        **streams: Any,
    ) -> None:
        command = [sys.executable, *map(str, arguments)]
        self._env = dict(os.environ if env is None else env)
        self._is_forked = not fresh and can_be_forked(command[1:], self._env)
        self._status: socket.socket | None = None
        super().__init__(command, cwd=cwd, env=self._env, text=True, encoding="utf-8", **streams)

    def _execute_child(self, args: Any, *settings: Any) -> None:
        """Have the server fork a child in place of starting a program; as in subprocess.py."""
        if not self._is_forked:
            super()._execute_child(args, *settings)  # type: ignore[misc]
            return
        cwd, pipes = settings[4], settings[9:15]
        streams = [own if own != -1 else number for number, own in enumerate(
            (pipes[0], pipes[3], pipes[5]))]  # fmt: skip
        self._status = _connected()
        request = {"arguments": args[1:], "cwd": str(Path(cwd or ".").resolve()), "env": self._env}
        content = json.dumps(request).encode()
        header = fork_server.HEADER.pack(len(content))
        socket.send_fds(self._status, [header], streams)
        self._status.sendall(content)
        (self.pid,) = fork_server.STARTED.unpack(_receive(self._status, fork_server.STARTED.size))
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]

    def _internal_poll(self, *settings: Any, **more: Any) -> int | None:
        if not self._is_forked:
            code: int | None = super()._internal_poll(*settings, **more)  # type: ignore[misc]
            return code
        if self.returncode is None and self._has_ended(0.0):
            self._end()
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        if not self._is_forked:
            code: int = super()._wait(timeout)  # type: ignore[misc]
            return code
        if self.returncode is None:
            if not self._has_ended(timeout):
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            self._end()
        return self.returncode

    def _has_ended(self, timeout: float | None) -> bool:
        assert self._status is not None
        return bool(select.select([self._status], [], [], timeout)[0])

    def _end(self) -> None:
        assert self._status is not None
        ended = fork_server.ENDED.unpack(_receive(self._status, fork_server.ENDED.size))
        self.returncode = os.waitstatus_to_exitcode(ended[0])
        self._status.close()
        global seconds
        seconds += ended[1]


def run(
    arguments: Sequence[str | Path], *, timeout: float = 300, **settings: Any
) -> subprocess.CompletedProcess[str]:
    """Run Python to its end, as `subprocess.run` does; both streams are captured."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Python(arguments, **{**streams, **settings}) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def can_be_forked(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether a forked child makes no difference to a new Python."""
    if sys.platform != "linux" or (arguments[0][0] == "-" and arguments[0] not in ("-m", "-c")):
        return False
    if any(Path(one, "sitecustomize.py").exists() for one in _path_of(environment)):
        return False
    return _at_start(environment) == _at_start(os.environ)


def _path_of(environment: Mapping[str, str]) -> list[str]:
    return [one for one in environment.get("PYTHONPATH", "").split(os.pathsep) if one]


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(_AT_START) and name not in _TAKEN_OVER
    }


def _connected() -> socket.socket:
    """A connection to the session's server, which the first process that needs it starts."""
    owner = os.environ[OWNER]
    path = folder(owner) / "socket"
    connection = socket.socket(socket.AF_UNIX)
    if connection.connect_ex(str(path)) == 0:
        return connection
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with FileLock(path.with_name("lock")):
        if connection.connect_ex(str(path)):
            path.unlink(missing_ok=True)  # of one that was killed
            _start(path, owner)
            connection.connect(str(path))
    return connection


def folder(owner: str) -> Path:
    """Where the server of a session has its socket: a short path, as a socket needs one."""
    return Path(tempfile.gettempdir(), f"flowrun-tests-{os.getuid()}-{owner}")


def _start(path: Path, owner: str) -> None:
    given = _TAKEN_OVER - {"PYTHONDONTWRITEBYTECODE"}  # which stays among Python's flags
    environment = {name: os.environ[name] for name in os.environ if name not in given}
    process = subprocess.Popen(
        [sys.executable, fork_server.__file__, str(path), owner],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=path.with_name("errors").open("w"), start_new_session=True,
    )  # fmt: skip
    begun = time.monotonic()
    while not path.exists():
        if process.poll() is not None or time.monotonic() > begun + START_SECONDS:
            raise RuntimeError(path.with_name("errors").read_text())
        time.sleep(0.01)


def _receive(connection: socket.socket, size: int) -> bytes:
    content = connection.recv(size, socket.MSG_WAITALL)
    if len(content) < size:
        raise RuntimeError("the fork server has ended")
    return content

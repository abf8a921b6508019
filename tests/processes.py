"""Python run in a process of its own: forked from a server that has torch imported, or new.

`Python` is `subprocess.Popen` for a run of this Python: it has the same attributes and methods. It
forks where that makes no difference, and starts a new Python where it does, or where it is asked to
(`fresh=True`): for a test of what Python loads or of the start itself. `Home` may be another Python
that has a server of its own.
"""

from __future__ import annotations

import json
import multiprocessing.connection
import multiprocessing.util
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import popen_spawn_posix
from pathlib import Path
from typing import Any

from filelock import FileLock

from tests import fork_server

OWNER = "FORK_SERVER_OWNER"  # the variable with the process id of the session of tests
os.environ.setdefault(OWNER, str(os.getpid()))
START_SECONDS = 120.0

# What Python, the loader and the libraries read when they start, and a fork has behind it.
_AT_START = (
    "PYTHON", "LANG", "LC_", "LD_", "MALLOC_", "MKL_", "NUMBA_", "NPY_", "OMP_", "OPENBLAS_",
    "PYTORCH_", "TORCH",
)  # fmt: skip
# Of these, what a child takes over. Everybody's Python speaks UTF-8 by now.
_TAKEN_OVER = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONUNBUFFERED"}
_TAKEN_OVER |= {"PYTHONUTF8"} if sys.getfilesystemencoding() == "utf-8" else set()

_server_has: dict[str, str] = {}  # of the environment, known in its children alone
seconds = 0.0  # of processor, that children forked for this process have taken


@dataclass(frozen=True)
class Home:
    """A Python with a server, which a session of tests starts once.

    program: its file. libraries: what the server imports, of fork_server.LIBRARIES; all if none is
    named. known: the server's socket, if it runs already.
    """

    program: str = sys.executable
    libraries: tuple[str, ...] = ()
    known: Path | None = None

    @property
    def socket(self) -> Path:
        """The server's socket: a short path, as a socket needs one."""
        own = "" if self.program == sys.executable else f"{zlib.crc32(self.program.encode())}"
        return self.known or folder(os.environ[OWNER]) / own / "socket"


class Python(subprocess.Popen[str]):
    """A run of Python with these arguments: `-m MODULE ...`, `-c CODE ...` or `FILE ...`.

    They may follow options of Python (see fork_server.OPTIONS). home: this Python, or another one.
    memory: the most resident memory that it has had, in bytes, once it has ended.
    """

    memory = 0

    _home: Home
    _status: socket.socket | None = None
    _is_forked = False

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        cwd: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        fresh: bool = False,
        home: Home | None = None,
        **streams: Any,
    ) -> None:
        self._home = home or Home()
        command = [self._home.program, *map(str, arguments)]
        env = dict(os.environ if env is None else env)
        self._is_forked = not fresh and can_be_forked(command[1:], env)
        super().__init__(command, cwd=cwd, env=env, text=True, encoding="utf-8", **streams)

    def _execute_child(self, args: Any, *settings: Any) -> None:
        """Have the server fork a child in place of starting a program; as in subprocess.py."""
        if self._is_forked:
            self._fork(args, settings, group=0)
        else:
            super()._execute_child(args, *settings)  # type: ignore[misc]

    def _fork(self, args: Any, settings: tuple[Any, ...], *, group: int) -> None:
        """Send a request to the server; group: the process group of the child, 0 for a new one."""
        cwd, env, pipes = settings[4], settings[5], settings[9:15]
        streams = [own if own != -1 else number for number, own in enumerate(
            (pipes[0], pipes[3], pipes[5]))]  # fmt: skip
        env = os.environ if env is None else env
        request = {"group": group, "cwd": str(Path(cwd or ".").resolve()), "env": dict(env)}
        self._status, self.pid = _forked(self._home, args, request, streams, [])
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

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        """Wait for a new Python, and note its memory; as in subprocess.py."""
        try:
            pid, status, usage = os.wait4(self.pid, wait_flags)
        except ChildProcessError:
            return self.pid, 0
        if pid:
            self.memory = usage.ru_maxrss * (1024 if sys.platform == "linux" else 1)
        return pid, status

    def _has_ended(self, timeout: float | None) -> bool:
        assert self._status is not None
        return bool(select.select([self._status], [], [], timeout)[0])

    def _end(self) -> None:
        assert self._status is not None
        ended = fork_server.ENDED.unpack(_receive(self._status, fork_server.ENDED.size))
        self.returncode = os.waitstatus_to_exitcode(ended[0])
        self.memory = ended[2]
        self._status.close()
        global seconds
        seconds += ended[1]


class Completed(subprocess.CompletedProcess[str]):
    """A run of Python that has ended. memory: the most resident memory it has had, in bytes."""

    def __init__(self, args: Any, returncode: int, stdout: str, stderr: str, memory: int) -> None:
        super().__init__(args, returncode, stdout, stderr)
        self.memory = memory


def run(arguments: Sequence[str | Path], *, timeout: float = 300, **settings: Any) -> Completed:
    """Run Python to its end, as `subprocess.run` does; both streams are captured."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Python(arguments, **{**streams, **settings}) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return Completed(process.args, process.returncode, out, err, process.memory)


def can_be_forked(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether a forked child makes no difference to a new Python."""
    _, rest = _parted(arguments)
    if sys.platform != "linux" or not rest or (rest[0][0] == "-" and rest[0] not in ("-m", "-c")):
        return False
    if any(Path(one, "sitecustomize.py").exists() for one in _path_of(environment)):
        return False
    return _at_start(environment) == (_server_has or _at_start(os.environ))


def _parted(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Python's options that a child heeds, and the arguments after them."""
    rest = list(arguments)
    options: list[str] = []
    while rest and rest[0] in fork_server.OPTIONS:
        count = 2 if rest[0] == "-W" else 1
        options += rest[:count]
        del rest[:count]
    return options, rest


def fork_what_is_started(server: Path) -> None:
    """Fork each Python that this process starts, which the server has forked.

    Through `subprocess`, or as one of `multiprocessing`. That one is nobody's child here, as
    `multiprocessing` allows for: it sees its end by a pipe.
    """
    _server_has.update(_at_start(os.environ))
    start = subprocess.Popen._execute_child  # type: ignore[attr-defined]
    spawn_new = multiprocessing.util.spawnv_passfds  # type: ignore[attr-defined]
    home = Home(known=server)

    def execute(process: Any, args: Any, *settings: Any) -> None:
        if type(process) is not subprocess.Popen or not _is_plain(args, settings):
            start(process, args, *settings)
            return
        process.__class__, process._home, process._is_forked = Python, home, True
        group = settings[21]
        process._fork(args, settings, group=os.getpgrp() if group == -1 else group)

    def spawn(path: Any, args: Sequence[Any], files: Sequence[int]) -> int:
        command = list(map(os.fspath, args))
        if command[-1] != "--multiprocessing-fork" or not can_be_forked(command[1:], os.environ):
            return spawn_new(path, args, files)
        request = {"group": os.getpgrp(), "cwd": str(Path.cwd()), "env": dict(os.environ)}
        connection, pid = _forked(home, command, request, [0, 1, 2], list(files))
        connection.close()
        return pid

    wait_for_child = popen_spawn_posix.Popen.wait

    def wait(process: Any, timeout: float | None = None) -> int | None:
        if timeout is None and process.returncode is None:
            multiprocessing.connection.wait([process.sentinel])  # `waitpid` knows no such child
        return wait_for_child(process, timeout)

    subprocess.Popen._execute_child = execute  # type: ignore[attr-defined]
    multiprocessing.util.spawnv_passfds = spawn  # type: ignore[attr-defined]
    popen_spawn_posix.Popen.wait = wait  # type: ignore[assignment]


def _is_plain(args: Any, settings: tuple[Any, ...]) -> bool:
    """Whether a start of a program, as subprocess.py has it, can be a fork."""
    if not isinstance(args, list) or args[0] != sys.executable or not args[1:]:
        return False
    # Of the child: what is called in it, its descriptors, start-up settings, shell, users, session.
    unusual = (*settings[1:2], *settings[3:4], *settings[6:9], *settings[16:19], settings[20])
    env = os.environ if settings[5] is None else settings[5]
    return not any(unusual) and can_be_forked(list(map(os.fspath, args[1:])), env)


def _path_of(environment: Mapping[str, str]) -> list[str]:
    return [one for one in environment.get("PYTHONPATH", "").split(os.pathsep) if one]


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(_AT_START) and name not in _TAKEN_OVER
    }


def _connected(home: Home) -> socket.socket:
    """A connection to a server, which the first process that needs it starts."""
    path = home.socket
    connection = socket.socket(socket.AF_UNIX)
    if connection.connect_ex(str(path)) == 0:
        return connection
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(path.with_name("lock")):
        if connection.connect_ex(str(path)):
            path.unlink(missing_ok=True)  # of one that was killed
            _start(path, home)
            connection.connect(str(path))
    return connection


def folder(owner: str) -> Path:
    """Where the servers of a session have their sockets."""
    return Path(tempfile.gettempdir(), f"flowrun-tests-{os.getuid()}-{owner}")


def _forked(
    home: Home,
    command: Sequence[Any],
    request: dict[str, Any],
    streams: list[int],
    files: list[int],
) -> tuple[socket.socket, int]:
    """A forked child: the connection on which the server says that it has ended, and its id.

    files: the open files that it has beside its streams, under the same numbers as here.
    """
    options, arguments = _parted(list(map(os.fspath, command[1:])))
    request |= {"options": options, "arguments": arguments, "files": files}
    content = json.dumps(request).encode()
    connection = _connected(home)
    header = fork_server.HEADER.pack(len(content))
    socket.send_fds(connection, [header], [*streams, *files])
    connection.sendall(content)
    (pid,) = fork_server.STARTED.unpack(_receive(connection, fork_server.STARTED.size))
    return connection, pid


def _start(path: Path, home: Home) -> None:
    given = _TAKEN_OVER - {"PYTHONDONTWRITEBYTECODE"}  # which stays among Python's flags
    environment = {name: os.environ[name] for name in os.environ if name not in given}
    command = [home.program, fork_server.__file__, str(path), os.environ[OWNER], *home.libraries]
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
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

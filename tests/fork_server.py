"""A server with torch imported, which forks a process for each run of Python that a test asks for.

Importing torch takes far longer than what most tests do with it. The server is started as a script,
imports the libraries of LIBRARIES once, and forks: the child takes over the arguments, folder,
environment and streams of the request, and ends as every Python ends. It starts with the modules
that a new Python has: a library is brought back into `sys.modules` when the child imports it. What
the child starts with `subprocess` or `multiprocessing` is forked from the server, too, if it is a
Python.

What a fork cannot change (the hash seed, what the dynamic loader and the libraries read from the
environment when they are loaded) is for `tests.processes` to know: it starts a new Python then.
The options of OPTIONS have their effect; `sys.flags` is that of the server in any case.
"""

from __future__ import annotations

import atexit
import contextlib
import copy
import gc
import importlib
import importlib.abc
import importlib.machinery
import io
import itertools
import json
import linecache
import os
import pkgutil
import runpy
import select
import shutil
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
import traceback
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, TextIO

# In this order: what one of them imports comes back with it, but not with those above it. Beside a
# library the modules of it that are imported with it.
LIBRARIES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("yaml", "lazy_loader", "click", "click_default_group", "pluggy"), ()),
    **dict.fromkeys(("msgspec", "blake3", "filelock"), ()),
    "flowrun": ("flowrun.api", "flowrun.cli.main", "flowrun.cli.run"),
    "flowrun_tensors": ("flowrun_tensors.steps.*",),
    "flowrun_tables": ("flowrun_tables.steps.*",),
    "numpy": ("numpy.random",),
    "torch": (),
    # What a check loads beside torch; it leaves torch's compiler out, and so must this.
    **dict.fromkeys(("sympy", "torch.fx.experimental.symbolic_shapes", "torch._numpy"), ()),
    **dict.fromkeys(("torch.utils.flop_counter", "torch.utils.module_tracker"), ()),
    "torch.distributed.tensor": (),
    "pooch": (),
    "safetensors": ("safetensors.torch",),
    "rich": ("rich.console",),
    "pytest": ("_pytest.*",),
    "xdist": ("xdist.plugin", "execnet.multi"),
}
# Packages of which each module can be brought back for itself; a command imports what it needs.
WHOLE = ("flowrun", "flowrun_tensors", "flowrun_tables")
OPTIONS = ("-B", "-P", "-u", "-W")  # of Python, before `-m`, `-c` or a file, that a child heeds
HEADER = struct.Struct("!I")  # the length of a request
_MOST_FILES = 16  # that a child is given beside the three streams
STARTED = struct.Struct("!i")  # the child's process id
# Its wait status, the seconds of processor that it took, and the most memory it had, in bytes.
ENDED = struct.Struct("!idq")
_OWNER_SECONDS = 2.0  # between two looks whether the session of tests is still there


class Imported(importlib.abc.MetaPathFinder):
    """Brings modules that the server has imported back when a child imports them."""

    def __init__(self, base: list[str]) -> None:
        self._base = base  # the path, below what a child puts before it
        self._at_start = {*sys.modules, *sys.stdlib_module_names}
        self._modules: dict[str, ModuleType] = {}
        self._come_with: dict[str, set[str]] = {}  # what the import of a library loads

    def preload(self, library: str, modules: tuple[str, ...]) -> None:
        """Import a library, and take it and all that came with it out of `sys.modules`."""
        for module in _named((library, *modules)):
            importlib.import_module(module)
        found = {
            name: module
            for name, module in sys.modules.items()
            if name.partition(".")[0] not in self._at_start
        }
        self._come_with[library] = set(found)
        self._modules.update(found)
        self.hide()

    def preload_each(self, package: str) -> None:
        """Import all modules of a package that has been imported, each for itself."""
        folders = self._modules[package].__path__
        for one in pkgutil.walk_packages(folders, f"{package}."):
            if one.name not in self._modules and not one.name.endswith("__main__"):
                self.preload(one.name, ())
        self.hide()

    def hide(self) -> None:
        """Take what was imported out of `sys.modules`, where a new Python has it not."""
        for name in self._modules:
            sys.modules.pop(name, None)

    def module(self, name: str) -> Any:
        """A module, whether or not it is to be seen."""
        return self._modules[name]

    @property
    def names(self) -> set[str]:
        """All modules that can be brought back."""
        return set(self._modules)

    def find_spec(
        self, fullname: str, path: Any = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        module = self._modules.get(fullname)
        if module is None or self._is_shadowed(fullname):
            return None
        return _spec(module, {name: self._modules[name] for name in self._coming_with(fullname)})

    def _coming_with(self, name: str) -> set[str]:
        """What an import of this name loads; the package's own modules where it is no library."""
        within = {one for one in self._modules if f"{one}.".startswith(f"{name}.")}
        return self._come_with.get(name, within)

    def _is_shadowed(self, fullname: str) -> bool:
        """Whether the child's own path has the package, or one that it is made of, before ours."""
        top = fullname.partition(".")[0]
        if top != fullname:
            return sys.modules.get(top) is not self._modules[top]
        own = [folder for folder in sys.path if folder not in self._base]
        needed = {name.partition(".")[0] for name in self._come_with.get(top, {top})}
        return any(importlib.machinery.PathFinder.find_spec(one, own) for one in needed)


def _named(modules: tuple[str, ...]) -> Iterator[str]:
    """The modules by name; `package.*` stands for those in a package."""
    for name in modules:
        package = name.removesuffix(".*")
        yield package
        if package != name:
            folders = importlib.import_module(package).__path__
            yield from (one.name for one in pkgutil.iter_modules(folders, f"{package}."))


class _Known(importlib.abc.Loader):
    """Loads a module that is there already, with those that came with it."""

    def __init__(self, module: ModuleType, others: dict[str, ModuleType]) -> None:
        self._module = module
        self._others = others
        self._spec = getattr(module, "__spec__", None)
        self._loader = getattr(module, "__loader__", None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__, module.__loader__ = self._spec, self._loader
        for name, one in self._others.items():
            sys.modules.setdefault(name, one)


def _spec(module: ModuleType, others: dict[str, ModuleType]) -> importlib.machinery.ModuleSpec:
    """The module's own spec, but for its loader."""
    spec = copy.copy(module.__spec__)
    if spec is None:  # one that is made in C, or stands in a module's place
        spec = importlib.machinery.ModuleSpec(module.__name__, None)
    spec.loader = _Known(module, others)
    return spec


class Server:
    """Accepts requests on a socket and forks a child for each."""

    def __init__(self, path: str, owner: int) -> None:
        self._owner = owner
        self._children: dict[int, socket.socket] = {}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{path}.new")
        self._listener.listen(64)
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._ends = (self._woken, wake)
        Path(f"{path}.new").rename(path)

    def serve(self) -> dict[str, Any] | None:
        """Returns the request in each child, and None in the server once the session is over."""
        while self._is_needed():
            ready, _, _ = select.select([self._listener, self._woken], [], [], _OWNER_SECONDS)
            if self._woken in ready:
                os.read(self._woken, 4096)
            if self._listener in ready:
                request = self._accept()
                if request is not None:
                    return request
            self._reap()
        return None

    def _is_needed(self) -> bool:
        try:
            os.kill(self._owner, 0)
        except ProcessLookupError:
            return False
        return True

    def _accept(self) -> dict[str, Any] | None:
        connection, _ = self._listener.accept()
        try:
            request, streams = _received(connection)
        except (OSError, ValueError, struct.error):  # whoever asked has gone
            connection.close()
            return None
        pid = os.fork()
        _leave_group(pid, request["group"])  # in both: whichever comes first
        if pid == 0:
            connection.close()
            self._leave()
            _take(streams, [0, 1, 2, *request["files"]])
            return request
        for stream in streams:
            os.close(stream)
        self._children[pid] = connection
        _send(connection, STARTED.pack(pid))
        return None

    def _leave(self) -> None:
        """Give up in a child what is the server's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for one in (self._listener, *self._children.values()):
            one.close()
        for end in self._ends:
            os.close(end)

    def _reap(self) -> None:
        while self._children:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            connection = self._children.pop(pid)
            seconds = usage.ru_utime + usage.ru_stime
            _send(connection, ENDED.pack(status, seconds, usage.ru_maxrss * 1024))
            connection.close()


def _leave_group(pid: int, group: int) -> None:
    """Take a child out of the server's group, which a signal must not reach; 0: to one of its own.

    The group that it is asked to join may have ended.
    """
    for one in (0, group):
        with contextlib.suppress(OSError):
            os.setpgid(pid, one)


def _take(received: list[int], numbers: list[int]) -> None:
    """Give open files these numbers, which may be those of others among them."""
    above = max(*received, *numbers) + 1
    for number in received:
        os.dup2(number, above + number)
        os.close(number)
    for number, target in zip(received, numbers, strict=True):
        os.dup2(above + number, target)
        os.close(above + number)


def _received(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """A request, and the streams that came with it."""
    header, streams, _, _ = socket.recv_fds(connection, HEADER.size, 3 + _MOST_FILES)
    (length,) = HEADER.unpack(header)
    return json.loads(connection.recv(length, socket.MSG_WAITALL)), streams


def _send(connection: socket.socket, content: bytes) -> None:
    with contextlib.suppress(OSError):  # whoever asked has gone
        connection.sendall(content)


def become(request: dict[str, Any], base: list[str], imported: Imported) -> None:
    """Make this process what a new Python with these arguments is before it runs anything."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.dont_write_bytecode = (
        bool(os.environ.get("PYTHONDONTWRITEBYTECODE")) or "-B" in request["options"]
    )
    sys.pycache_prefix = os.environ.get("PYTHONPYCACHEPREFIX") or None
    own = os.environ.get("PYTHONPATH", "")
    sys.path[:] = [os.path.abspath(one) for one in own.split(os.pathsep) if own] + base  # noqa: PTH100
    importlib.invalidate_caches()
    tempfile.tempdir = None
    if "numpy.random" in imported.names:
        imported.module("numpy.random").seed()
    imported.module("torch").default_generator.seed()
    time.tzset()
    _open_streams(
        is_unbuffered=bool(os.environ.get("PYTHONUNBUFFERED")) or "-u" in request["options"]
    )
    _warn_as_told(request["options"])
    sys.orig_argv = [sys.executable, *request["options"], *request["arguments"]]
    sys.modules["__main__"] = ModuleType("__main__")
    vars(sys.modules["__main__"]).update(__builtins__=__builtins__, __annotations__={})


def _warn_as_told(options: list[str]) -> None:
    """Filter warnings as `-W` says, if it is given."""
    told = [value for option, value in itertools.pairwise(options) if option == "-W"]
    sys.warnoptions.extend(told)
    warnings._processoptions(told)  # type: ignore[attr-defined]


def _open_streams(*, is_unbuffered: bool) -> None:
    """The three streams as Python opens them."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        like = getattr(sys, name)
        binary = open(  # noqa: SIM115
            number, "wb" if number else "rb", buffering=0 if is_unbuffered and number else -1,
            closefd=False,
        )  # fmt: skip
        getattr(binary, "raw", binary).name = f"<{name}>"
        is_by_line = number == 2 or binary.isatty()
        stream = io.TextIOWrapper(
            binary, encoding=like.encoding, errors=like.errors, newline="\n" if number else None,
            line_buffering=is_by_line and not is_unbuffered, write_through=is_unbuffered,
        )  # fmt: skip
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def run(arguments: list[str], *, is_safe: bool) -> None:
    """Run `-m MODULE ...`, `-c CODE ...` or `FILE ...` in `__main__`, as Python does.

    is_safe: whether `-P` is given, which keeps the folder of the code out of the path.
    """
    way = arguments[0]
    file = Path(way).absolute()
    sys.argv[:] = [way, *arguments[2:]] if way in ("-m", "-c") else arguments
    if not is_safe:
        own = {"-m": str(Path.cwd()), "-c": ""}
        sys.path.insert(0, own[way] if way in own else str(file.resolve().parent))
    if way == "-m":
        runpy._run_module_as_main(arguments[1])  # type: ignore[attr-defined]
        return
    space = vars(sys.modules["__main__"])
    if way == "-c":
        if sys.version_info >= (3, 13):  # from which on a traceback shows this code, too
            lines = arguments[1].splitlines(keepends=True)
            linecache.cache["<string>"] = (len(arguments[1]), None, lines, "<string>")
        exec(compile(arguments[1], "<string>", "exec"), space)
        return
    space.update(__file__=str(file), __cached__=None)
    space["__loader__"] = importlib.machinery.SourceFileLoader("__main__", str(file))
    exec(compile(file.read_bytes(), str(file), "exec"), space)


def run_to_the_end(request: dict[str, Any], loaded: set[str]) -> NoReturn:
    """Run, and end as Python does, but for taking down what the server has imported.

    That would take longer than many a test. loaded: the modules that are not the child's own.
    """
    code = _run(request["arguments"], is_safe="-P" in request["options"])
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for name in sys.modules.keys() - loaded:
        del sys.modules[name]
    gc.collect()
    if not all(map(_is_flushed, (sys.stdout, sys.stderr))):
        code = 120
    if code == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code)


def _run(arguments: list[str], *, is_safe: bool) -> int:
    """Run, and give the exit code; as `subprocess` has it, if an interrupt ends the process."""
    try:
        run(arguments, is_safe=is_safe)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _is_flushed(stream: TextIO) -> bool:
    if stream is None or stream.closed:
        return True
    try:
        stream.flush()
    except OSError as error:
        print(f"Exception ignored in: {stream!r}", file=sys.stderr)
        traceback.print_exception(error)
        return False
    return True


def _forking() -> ModuleType:
    """The module `tests.processes`, not to be seen by a child but for what it does there."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    processes = importlib.import_module("tests.processes")
    del sys.path[0]
    for name in ("tests.processes", "tests.fork_server", "tests"):
        del sys.modules[name]
    return processes


if __name__ == "__main__":
    del sys.path[0]  # the folder of this script
    path, owner, wanted = sys.argv[1], int(sys.argv[2]), sys.argv[3:] or LIBRARIES
    base = list(sys.path)
    imported = Imported(base)
    sys.meta_path.insert(0, imported)
    for library, modules in LIBRARIES.items():
        if library in wanted:
            imported.preload(library, modules)
    for library in WHOLE:
        if library in wanted:
            imported.preload_each(library)
    processes = _forking() if "filelock" in wanted else None
    imported.hide()
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False  # of what the server has imported, which no child takes down
    gc.collect()
    gc.freeze()  # what is there now is not looked through, and copied, again in each child
    request = Server(path, owner).serve()
    if request is None:
        shutil.rmtree(Path(path).parent, ignore_errors=True)
    else:
        become(request, base, imported)
        if processes is not None:
            processes.fork_what_is_started(Path(path))
        run_to_the_end(request, imported.names | set(sys.modules))

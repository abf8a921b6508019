"""A kernel of Jupyter that tests start once, and the outputs of cells that they run in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

SECONDS = 60.0  # for one cell

Hears = Callable[["Outputs"], None]


@dataclass
class Outputs:
    """The outputs of one cell. shown: by display, all that it has shown, the last one last."""

    printed: str = ""
    warned: str = ""
    error: str = ""
    message: str = ""
    result: dict[str, str] = field(default_factory=dict)
    shown: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    @property
    def displays(self) -> list[list[dict[str, str]]]:
        """All that each display has shown."""
        return list(self.shown.values())

    @property
    def texts(self) -> list[str]:
        """The last text of each display."""
        return [each[-1]["text/plain"] for each in self.displays]


class Kernel:
    """A kernel, and the client by which cells are run in it."""

    def __init__(self, manager: KernelManager) -> None:
        self._manager = manager
        self._client: BlockingKernelClient = manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=SECONDS)

    def run(self, code: str, hears: Hears | None = None) -> Outputs:
        """Run a cell. hears: called with the outputs so far after each message."""
        request = self.start(code)
        return self.finish(request, hears)

    def start(self, code: str) -> str:
        """Start a cell."""
        return str(self._client.execute(code))

    def finish(self, request: str, hears: Hears | None = None) -> Outputs:
        """The outputs of a cell that was started."""
        outputs, end = Outputs(), time.monotonic() + SECONDS
        while True:
            message = self._client.get_iopub_msg(timeout=max(0.1, end - time.monotonic()))
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return outputs
            _take(outputs, message["msg_type"], message["content"])
            if hears is not None:
                hears(outputs)

    def value(self, code: str) -> Any:
        """What a cell prints; fails if it raises."""
        outputs = self.run(f"print({code})")
        assert not outputs.error, f"{outputs.error}: {outputs.message}"
        return outputs.printed.strip()

    def interrupt(self) -> None:
        """What Kernel > Interrupt does."""
        self._manager.interrupt_kernel()

    def close(self) -> None:
        """End the kernel."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


def _take(outputs: Outputs, kind: str, content: dict[str, Any]) -> None:
    if kind == "stream" and content["name"] == "stdout":
        outputs.printed += content["text"]
    elif kind == "stream":
        outputs.warned += content["text"]
    elif kind == "error":
        outputs.error, outputs.message = content["ename"], content["evalue"]
    elif kind == "execute_result":
        outputs.result = content["data"]
    elif kind in ("display_data", "update_display_data"):
        name = content.get("transient", {}).get("display_id", len(outputs.shown))
        if kind == "update_display_data":
            assert name in outputs.shown, "an update of a display that is not there"
        outputs.shown.setdefault(name, []).append(content["data"])


def settings(folder: Path) -> dict[str, str]:
    """The variables with which a kernel leaves nothing outside of a folder, and reads nothing."""
    names = ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")
    return {
        **{name: str(folder / name.lower()) for name in names},
        "FLOWRUN_OFFLINE": "1",
        "FLOWRUN_CACHE": str(folder / "cache"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


@contextmanager
def started(folder: Path, home: Path) -> Iterator[Kernel]:
    """A kernel whose current folder is `folder`. home: for the files of Jupyter's own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings(home).items():
            patch.setenv(name, value)
        patch.delenv("FLOWRUN_HOME", raising=False)
        manager = KernelManager(kernel_name="python3")
        manager.start_kernel(cwd=str(folder))
    kernel = Kernel(manager)
    try:
        yield kernel
    finally:
        kernel.close()

"""Downloads that end: by their bounds, by Ctrl-C, and with nothing left in the cache."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowrun import DataError, download
from flowrun.plugins import downloading
from tests.campaigns.hostile.server import AUTHORITY, Answer, Server, dripped, head, sent
from tests.processes import Python

SHA256 = "0" * 64


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / AUTHORITY))
    monkeypatch.setenv("FLOWRUN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FLOWRUN_OFFLINE", raising=False)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[list[Server]]:
    """The servers of a test, which end with it."""
    servers: list[Server] = []
    yield servers
    for server in servers:
        server.close()


def address(answer: Answer, servers: list[Server], folder: Path) -> str:
    servers.append(Server(answer))
    servers[-1].trusted_in(folder)
    return f"https://127.0.0.1:{servers[-1].port}/t.csv"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (dripped(b"HTTP/1.1 200 OK\r\nX: ", b"y"), "no answer within 2 seconds"),
        (dripped(head(), b"y"), "less than 10,000 bytes a second"),
        (sent(head() + bytes(101)), "it has more than"),
        (sent(head("200 OK", "Content-Length: 101")), "it has more than"),
    ],
)
def test_a_download_is_bounded_in_time_and_size(
    answer: Answer, says: str, served: list[Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(downloading, "ANSWER_SECONDS", 2.0)
    monkeypatch.setattr(downloading, "MOST_BYTES", 100)
    url = address(answer, served, tmp_path)
    begun = time.monotonic()
    with pytest.raises(DataError, match=says):
        download(url, SHA256)
    assert time.monotonic() < begun + 10
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_download_takes_no_longer_than_the_whole_bound(
    served: list[Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(downloading, "ANSWER_SECONDS", 60.0)
    monkeypatch.setattr(downloading, "MOST_SECONDS", 2.0)
    with pytest.raises(DataError, match="it takes more than"):
        download(address(dripped(head(), b"y"), served, tmp_path), SHA256)


def test_ctrl_c_ends_a_download_and_leaves_nothing(served: list[Server], tmp_path: Path) -> None:
    asked = threading.Event()

    def answer(connection: object, path: str) -> None:
        asked.set()
        dripped(head(), b"y")(connection, path)  # type: ignore[arg-type]

    url = address(answer, served, tmp_path)
    text = f"recipe: r\nsteps:\n  - load: {{source: '{url}', sha256: '{SHA256}'}}\n"
    (tmp_path / "r.yaml").write_text(text)
    with Python(["-m", "flowrun", "r.yaml"], cwd=tmp_path) as process:
        assert asked.wait(60)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(8) in (130, -signal.SIGINT)
    assert list((tmp_path / "cache").iterdir()) == []

"""A body fetched from an https address: bounded in size, in time, and in where it may lead."""

from __future__ import annotations

import threading
import time
from http import HTTPStatus
from typing import IO, Any
from urllib.parse import urljoin

from flowrun.errors import DataError

MOST_BYTES = 2**30  # of a body: what is larger, a user fetches with a tool that can go on later
ANSWER_SECONDS = 10.0  # that a download may take, redirects included, and besides them
LEAST_RATE = 10_000  # one second for each so many bytes
MOST_SECONDS = 3600.0  # at most
MOST_REDIRECTS = 5
_SHOWN = 160  # characters of a server's text
_CHUNK = 2**14  # bytes read at a time: less than the least rate gives in ANSWER_SECONDS
_BY_HAND = "fetch the file yourself, and name its path"


class BodyFetcher:
    """Fetches one address into a file, in a thread of its own.

    A name server, a handshake and a header can each send a byte now and then for ever, and no
    timeout of a socket ends that. So the caller waits no longer than the bounds allow, and leaves a
    thread that does not end behind: it has no way to the file under its final name.
    """

    def __init__(self, url: str, file: IO[bytes]) -> None:
        self._url = url
        self._file = file
        self._received = 0
        self._is_answered = False
        self._ended = threading.Event()
        self._is_given_up = False
        self._error: Exception | None = None

    def fetch(self) -> None:
        """Write the body; raises DataError, and any exception of requests and urllib3."""
        begun = time.monotonic()
        threading.Thread(target=self._work, daemon=True).start()
        try:
            while not self._ended.wait(max(0.0, begun + self._seconds() - time.monotonic())):
                if time.monotonic() >= begun + self._seconds():
                    raise DataError(self._too_slow())
        finally:
            self._is_given_up = True
        if self._error is not None:
            raise self._error

    def _seconds(self) -> float:
        """How long the download may have taken by now."""
        return min(ANSWER_SECONDS + self._received / LEAST_RATE, MOST_SECONDS)

    def _too_slow(self) -> str:
        if not self._is_answered:
            return f"no answer within {ANSWER_SECONDS:g} seconds"
        if self._seconds() >= MOST_SECONDS:
            return f"it takes more than {MOST_SECONDS / 60:g} minutes\n    {_BY_HAND}"
        return f"it gives less than {LEAST_RATE:,} bytes a second"

    def _work(self) -> None:
        try:
            self._write_body()
        except Exception as error:  # the caller raises it
            self._error = error
        finally:
            self._ended.set()

    def _write_body(self) -> None:
        import requests

        with requests.Session() as session, self._answer(session) as response:
            self._is_answered = True
            length = response.headers.get("content-length", "")
            if length.isdecimal() and (len(length) > 18 or int(length) > MOST_BYTES):
                raise DataError(_too_large())
            # The bytes as they are sent: what a server says it has packed is not unpacked.
            for chunk in response.raw.stream(_CHUNK, decode_content=False):
                self._received += len(chunk)
                if self._received > MOST_BYTES:
                    raise DataError(_too_large())
                if self._is_given_up:
                    return
                self._file.write(chunk)
            self._file.flush()

    def _answer(self, session: Any) -> Any:
        """The response with the body, after redirects, each of them to an https address."""
        url = self._url
        for _ in range(MOST_REDIRECTS + 1):
            response = session.get(
                url, stream=True, allow_redirects=False, timeout=ANSWER_SECONDS,
                headers={"Accept-Encoding": "identity"},
            )  # fmt: skip
            target = session.get_redirect_target(response)
            if target is None:
                if response.status_code != HTTPStatus.OK:
                    raise DataError(f"the server answers {_status(response.status_code)}")
                return response
            response.close()
            url = urljoin(url, target)
            if not url.lower().startswith("https://"):
                raise DataError(
                    f"it redirects to {shown(url)}, and only https addresses are fetched"
                )
        raise DataError(f"it redirects more than {MOST_REDIRECTS} times")


def shown(text: str) -> str:
    """The beginning of a text that a server sent, in one line, without control characters."""
    escaped = (one if one.isprintable() else ascii(one)[1:-1] for one in text[:_SHOWN])
    return "".join(escaped) + ("..." if len(text) > _SHOWN else "")


def _too_large() -> str:
    return f"it has more than {MOST_BYTES / 2**30:g} GiB\n    {_BY_HAND}"


def _status(code: int) -> str:
    """A status by the name it has by the standard; a server's own words may be anything."""
    known = {status.value: status.phrase for status in HTTPStatus}
    return f"{code} {known[code]}" if code in known else str(code)

"""An https server on this machine that sends what a stranger's would, byte by byte."""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import trustme

AUTHORITY = "authority.pem"  # the file that the client trusts, in its folder
Answer = Callable[[ssl.SSLSocket, str], None]  # called with the connection, and the path asked for


@functools.cache
def _authority() -> trustme.CA:
    return trustme.CA()


class Server:
    """Answers each request with `answer`, in threads that end with the test.

    is_slow: whether it never goes on after the client's first words of a handshake.
    """

    def __init__(self, answer: Answer, *, is_slow: bool = False, name: str = "127.0.0.1") -> None:
        self._answer = answer
        self._is_slow = is_slow
        self._ended = threading.Event()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _authority().issue_cert(name).configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def trusted_in(self, folder: Path) -> None:
        """Write the file with the authority that vouches for the server."""
        _authority().cert_pem.write_to_path(folder / AUTHORITY)

    def close(self) -> None:
        """Accept no more, and end the answers that go on."""
        self._ended.set()
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # it is closed
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(30)
            if self._is_slow:
                self._ended.wait(60)
                return
            with self._context.wrap_socket(connection, server_side=True) as secure:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    asked += secure.recv(65536) or b"\r\n\r\n"
                self._answer(secure, asked.split(b" ")[1].decode())


def head(status: str = "200 OK", *headers: str) -> bytes:
    """The beginning of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *headers, "", ""]).encode()


def sent(content: bytes) -> Answer:
    """An answer of these bytes."""
    return lambda connection, _: connection.sendall(content)


def sent_for_ever(begin: bytes, repeated: bytes) -> Answer:
    """An answer that does not end until the client goes."""

    def answer(connection: ssl.SSLSocket, _: str) -> None:
        connection.sendall(begin)
        while True:
            connection.sendall(repeated)

    return answer


def dripped(begin: bytes, repeated: bytes) -> Answer:
    """An answer that goes on with one byte each half second."""

    def answer(connection: ssl.SSLSocket, _: str) -> None:
        connection.sendall(begin)
        for byte in repeated * (120 // len(repeated)):
            connection.sendall(bytes([byte]))
            time.sleep(0.5)

    return answer

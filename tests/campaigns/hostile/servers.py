"""Servers of data that send too much, too little, too slowly, or something else."""

from __future__ import annotations

import gzip
import hashlib
import ssl

from tests.campaigns.hostile.attempt import Attempt
from tests.campaigns.hostile.server import (
    AUTHORITY,
    Answer,
    Server,
    dripped,
    head,
    sent,
    sent_for_ever,
)
from tests.campaigns.hostile.world import MARKER, World

_CONTENT = b"a,b\n1,2\n"
_SHA256 = hashlib.sha256(_CONTENT).hexdigest()
_WAITING = 25.0  # seconds: documented are ten until an answer begins
_RECIPE = """\
recipe: r
steps:
  - load: {source: "%s", sha256: "%s"}
"""
_VARIABLES = {
    "FLOWRUN_OFFLINE": "",
    "FLOWRUN_CACHE": "cache",
    "REQUESTS_CA_BUNDLE": AUTHORITY,
    **dict.fromkeys(("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"), ""),
}


def _asking(
    name: str,
    answer: Answer,
    says: str,
    *,
    path: str = "/t.csv",
    sha256: str = _SHA256,
    seconds: float = 10.0,
    is_slow: bool = False,
    codes: tuple[int, ...] = (3,),
    variables: dict[str, str] | None = None,
) -> Attempt:
    """Load an address of a server that answers so."""

    def prepare(world: World) -> None:
        server = Server(answer, is_slow=is_slow)
        world.servers.callback(server.close)
        server.trusted_in(world.project)
        world.write("r.yaml", _RECIPE % (f"https://127.0.0.1:{server.port}{path}", sha256))

    return Attempt(
        group="servers",
        name=name,
        prepare=prepare,
        commands=[["r.yaml"]],
        codes=codes,
        says=[says],
        never=["STAND-IN"],
        empty=[] if 0 in codes else ["cache"],
        variables={**_VARIABLES, **(variables or {})},
        seconds=seconds,
    )


def _moved(target: str, status: str = "302 Found") -> Answer:
    return sent(head(status, f"Location: {target}", "Content-Length: 0"))


def _moved_once(connection: ssl.SSLSocket, path: str) -> None:
    (_moved("/u.csv") if path == "/t.csv" else sent(_FILE))(connection, path)


_FILE = head("200 OK", f"Content-Length: {len(_CONTENT)}") + _CONTENT
_CHUNKED = head("200 OK", "Transfer-Encoding: chunked")
_EVIL = b"\x1b]0;owned\x07\x1b[2J\xe2\x80\xae<html>\r\n  met\r\n" * 20
_OTHER = "its sha256 is not the expected one"
_TOO_LARGE = "it has more than 1 GiB(?s:.*)fetch the file yourself"
_TOO_SLOW = "no answer within 10 seconds"
_NO_HTTPS = "only https addresses are fetched"
_NO_ANSWER = r"cannot be fetched \("

_SIZES = [
    ("a length of 4 GB", sent(head("200 OK", f"Content-Length: {2**32}")), _TOO_LARGE),
    ("a length of 10,001 digits", sent(head("200 OK", "Content-Length: " + "7" * 10_001)),
     f"{_TOO_LARGE}|{_NO_ANSWER}"),
    ("a length below zero", sent(head("200 OK", "Content-Length: -5") + b"other"), _OTHER),
    ("a length that is no number", sent(head("200 OK", "Content-Length: ten") + b"other"), _OTHER),
    ("two lengths", sent(head("200 OK", "Content-Length: 8", "Content-Length: 9") + _CONTENT),
     _NO_ANSWER),
    ("a longer body than its length", sent(head("200 OK", "Content-Length: 4") + _CONTENT), _OTHER),
    ("a shorter body than its length", sent(head("200 OK", "Content-Length: 9000") + _CONTENT),
     f"{_NO_ANSWER}|{_OTHER}"),
    ("other bytes", sent(head() + b"a,b\n1,3\n"), _OTHER),
    ("an empty body", sent(head("200 OK", "Content-Length: 0")), _OTHER),
    ("a chunk that is cut", sent(_CHUNKED + b"8\r\na,b"), _NO_ANSWER),
    ("a chunk of 10^30 bytes", sent(_CHUNKED + b"f" * 25 + b"\r\na,b\n"), _NO_ANSWER),
    ("a chunk whose size is no number", sent(_CHUNKED + b"no\r\na,b\n"), _NO_ANSWER),
    ("chunks that never end", sent(_CHUNKED + b"1\r\na\r\n" * 1000), _NO_ANSWER),
    ("a gzip bomb", sent(head("200 OK", "Content-Encoding: gzip") + gzip.compress(bytes(10**7))),
     _OTHER),
    ("what it says is gzip, and is not", sent(head("200 OK", "Content-Encoding: gzip") + b"no"),
     _OTHER),
    ("a packing that nobody knows",
     sent(head("200 OK", "Content-Encoding: " + "gzip, " * 50 + "evil") + b"no"),
     f"{_NO_ANSWER}|{_OTHER}"),
]  # fmt: skip
_STATUSES = [
    (f"{status}, and a page of control characters",
     sent(head(f"{status} \x1b[2Jfine", "Content-Type: text/html\x1b[2J") + _EVIL), says)
    for status, says in (
        (403, "the server answers 403 Forbidden"), (404, "the server answers 404 Not Found"),
        (500, "the server answers 500 Internal"), (204, "the server answers 204 No Content"),
        (206, "the server answers 206 Partial"), (304, "the server answers 304 Not Mod"),
        (299, r"the server answers 299\)"), (999, r"the server answers 999\)"),
    )
]  # fmt: skip
_HEADERS = [
    ("no HTTP", sent(_EVIL), _NO_ANSWER),
    ("nothing", sent(b""), _NO_ANSWER),
    ("a first line of 1 MB", sent(b"HTTP/1.1 200 " + b"x" * 10**6), _NO_ANSWER),
    ("a header of 1 MB", sent(head("200 OK", "X: " + "x" * 10**6) + _CONTENT), _NO_ANSWER),
    ("10,000 headers", sent(head("200 OK", *(f"X{i}: y" for i in range(10_000)))), _NO_ANSWER),
]
_REDIRECTS = [
    ("to http", _moved("http://127.0.0.1/t.csv"), f"redirects to http://127.*{_NO_HTTPS}"),
    ("to a file", _moved("file:///etc/passwd"), f"redirects to file:.*{_NO_HTTPS}"),
    ("to ftp", _moved("ftp://127.0.0.1/t.csv"), f"redirects to ftp:.*{_NO_HTTPS}"),
    ("to data", _moved("data:text/csv,a"), f"redirects to data:.*{_NO_HTTPS}"),
    ("to a command", _moved(f"ssh://-oProxyCommand=touch${{IFS}}{MARKER}/x"), _NO_HTTPS),
    ("to itself", _moved("/t.csv"), "redirects more than 5 times"),
    ("to another path each time", lambda connection, path: _moved(path + "x")(connection, path),
     "redirects more than 5 times"),
    ("to control characters", _moved("http://x/\x1b]0;owned\x07"), _NO_HTTPS),
    ("to a port that is no number", _moved("https://127.0.0.1:no/"), _NO_ANSWER),
    ("to 1 MB", _moved("https://127.0.0.1/" + "x" * 10**6), _NO_ANSWER),
    ("for ever, with bodies of 1 MB",
     sent(head("301 Moved", "Location: /t.csv") + bytes(10**6)), "redirects more than 5 times"),
]  # fmt: skip
_SLOW = [
    ("a byte each half second", dripped(head(), b"x"), "it gives less than 10,000 bytes a second"),
    ("a header that never ends", dripped(b"HTTP/1.1 200 OK\r\nX: ", b"x"), _TOO_SLOW),
    ("headers that never end", dripped(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), _TOO_SLOW),
    ("an answer that never begins", dripped(b"", b"HTTP/1.1 "), _TOO_SLOW),
    ("a chunk's size that never ends", dripped(_CHUNKED, b"0"), "it gives less than"),
    ("a chunk's size of gigabytes", sent_for_ever(_CHUNKED, b"0" * 2**18), _NO_ANSWER),
    (
        "answers that it is to go on",
        sent_for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        _TOO_SLOW,
    ),
]
_NAMES = [
    ("dots", "/..", "no format for files|it has no suffix"),
    ("packed dots", "/%2e%2e%2f%2e%2e%2fthesis.csv", r"1.*2|\(1, 2\)"),
    ("a backslash", "/..\\\\..\\\\thesis.csv", r"\(1, 2\)"),
    ("3,000 characters", "/" + "x" * 3000 + ".csv", r"\(1, 2\)"),
    ("no name", "/", "it has no suffix|no format for files"),
]


ATTEMPTS = [
    *(_asking(name, answer, says) for name, answer, says in (*_SIZES, *_STATUSES, *_HEADERS)),
    *(_asking(f"redirects {name}", answer, says) for name, answer, says in _REDIRECTS),
    *(_asking(name, answer, says, seconds=_WAITING) for name, answer, says in _SLOW),
    *(_asking(f"a path of {name}", sent(_FILE), says, path=path, codes=(0, 3))
      for name, path, says in _NAMES),
    _asking("a handshake that never ends", sent(b""), _TOO_SLOW, is_slow=True, seconds=_WAITING),
    _asking("a body that never ends", sent_for_ever(head(), bytes(2**18)), _TOO_LARGE, seconds=60),
    _asking("a name in a header", sent(head("200 OK", "Content-Disposition: attachment; "
            'filename="../../thesis.txt"') + _CONTENT), r"\(1, 2\)", codes=(0,)),
    _asking("one redirect to https", _moved_once, r"\(1, 2\)", codes=(0,)),
    _asking("a certificate that is not trusted", sent(_FILE), "(?i)certificate",
            variables={"REQUESTS_CA_BUNDLE": ""}),
    _asking("a checksum that leads out", sent(_FILE), "64 hexadecimal digits",
            sha256="../../../thesis", codes=(2, 3)),
    _asking("a checksum of 10,001 characters", sent(_FILE), "64 hexadecimal digits",
            sha256="f" * 10_001, codes=(2, 3)),
    Attempt(
        group="servers",
        name="a proxy that refuses a named data set",
        prepare=lambda world: world.write(
            "r.yaml", "recipe: r\nsteps:\n  - load: {source: wine-red}\n"
        ),
        commands=[["r.yaml"], ["r.yaml", "--no-standin"]],
        codes=[2, 3],
        says=["SIMULATED STAND-IN for wine-red", "`wine-red` is not available"],
        empty=["cache"],
        variables={**_VARIABLES, "HTTPS_PROXY": "http://127.0.0.1:1"},
    ),
]  # fmt: skip

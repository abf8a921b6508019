"""A client of a language server: as much of the Language Server Protocol as the tests speak."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

LIMIT = 60  # seconds that any one answer may take

Message = dict[str, Any]


class LanguageClient:
    """A language server's process and the conversation with it, over its standard streams.

    settings: what an editor's settings would hold, by section (`{"yaml": {...}}`); the server asks
    for them. Every wait ends after LIMIT seconds with an AssertionError that says for what it was.
    """

    def __init__(self, command: Sequence[str], folder: Path, settings: Message) -> None:
        self._settings = settings
        self._numbers = iter(range(1, 1_000_000))
        self._received: queue.Queue[Message | None] = queue.Queue()
        self._diagnostics: dict[str, list[Message]] = {}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input = self._process.stdin
        threading.Thread(target=self._read_all, args=(self._process.stdout,), daemon=True).start()
        self._ask(
            "initialize",
            {
                "processId": None,
                "rootUri": folder.as_uri(),
                "workspaceFolders": [{"uri": folder.as_uri(), "name": folder.name}],
                "capabilities": {
                    "workspace": {"configuration": True, "workspaceFolders": True},
                    "textDocument": {
                        "completion": {
                            "completionItem": {
                                "snippetSupport": True,
                                "documentationFormat": ["markdown", "plaintext"],
                            }
                        },
                        "hover": {"contentFormat": ["markdown", "plaintext"]},
                        "publishDiagnostics": {},
                    },
                },
            },
        )
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": settings})

    def close(self) -> None:
        """End the server, in its own way or else by force."""
        try:
            self._ask("shutdown", None)
            self._tell("exit", None)
            self._process.wait(LIMIT)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()

    def open(self, path: Path, text: str) -> str:
        """Open a document as an editor would; gives its address. The file need not be there."""
        uri = path.as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def diagnostics(self, uri: str) -> list[Message]:
        """What the server finds wrong with a document, once it has said so."""
        while uri not in self._diagnostics:
            self._take(f"the diagnostics of {uri}")
        return self._diagnostics[uri]

    def wait_for_diagnostics(self, uri: str) -> None:
        """Wait until the server finds something wrong with a document."""
        while not self._diagnostics.get(uri):
            self._take(f"something wrong with {uri}")

    def completions(self, uri: str, line: int, character: int) -> dict[str, Message]:
        """What may stand at a place (counted from 0), by label."""
        found = self._ask("textDocument/completion", _place(uri, line, character))
        items = found["items"] if isinstance(found, dict) else found or []
        return {item["label"]: item for item in items}

    def hover(self, uri: str, line: int, character: int) -> str:
        """What is said of the text at a place; empty where nothing is."""
        found = self._ask("textDocument/hover", _place(uri, line, character))
        return "" if found is None else str(found["contents"]["value"])

    def _ask(self, method: str, parameters: Any) -> Any:
        number = next(self._numbers)
        self._send({"id": number, "method": method, "params": parameters})
        while True:
            message = self._take(f"the answer to {method}")
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]

    def _tell(self, method: str, parameters: Any) -> None:
        self._send({"method": method, "params": parameters})

    def _send(self, message: Message) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._input.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._input.flush()

    def _take(self, awaited: str) -> Message:
        """The next message; what the server asks for or tells of itself is dealt with first."""
        try:
            message = self._received.get(timeout=LIMIT)
        except queue.Empty:
            raise AssertionError(f"{LIMIT} seconds went by without {awaited}") from None
        assert message is not None, f"the language server ended before {awaited}"
        if message.get("method") == "textDocument/publishDiagnostics":
            found = message["params"]
            self._diagnostics[found["uri"]] = found["diagnostics"]
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": self._answer(message)})
        return message

    def _answer(self, message: Message) -> Any:
        if message["method"] != "workspace/configuration":
            return None
        return [self._settings.get(item.get("section")) for item in message["params"]["items"]]

    def _read_all(self, stream: IO[bytes]) -> None:
        """Put every message that comes into the queue, and None at the end."""
        while header := stream.readline():
            length = 0
            while header.strip():
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                header = stream.readline()
            self._received.put(json.loads(stream.read(length)))
        self._received.put(None)


def _place(uri: str, line: int, character: int) -> Message:
    return {
        "textDocument": {"uri": uri},
        "position": {"line": line, "character": character},
    }

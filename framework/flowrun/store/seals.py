"""Seals: digests with a key of the user's, by which a store's own rows and files are recognised.

Whoever has no key of the user's can make no seal, so nothing of a store from elsewhere is believed.
The key lies in the user's state folder, or comes from the variable FLOWRUN_STORE_KEY.
This module is imported before any other, so it imports next to nothing.
"""

from __future__ import annotations

import os
from _operator import _compare_digest as _are_equal
from collections.abc import Callable

from flowrun.values.files import opened
from flowrun.values.surroundings import KEY

_CONTEXT = "flowrun 2026-11-30 key of a store from a text"  # of BLAKE3's derivation of keys
_LENGTH = 32  # bytes of a key and of a seal

Part = bytes | str | float | None


class Seals:
    """The seals of one user.

    warn: is called with a sentence if there is no key; then nothing holds.
    """

    def __init__(self, warn: Callable[[str], None] | None = None) -> None:
        self._warn = warn
        self._key: bytes | None = None
        self._is_known = False

    @property
    def key(self) -> bytes | None:
        """The user's key, which is made when it is first needed; None if there can be none."""
        if not self._is_known:
            self._is_known = True
            try:
                self._key = users_key()
            except OSError as error:
                self._key = None
                if self._warn is not None:
                    self._warn(_without_key(error))
        return self._key

    def seal(self, kind: str, *parts: Part) -> bytes:
        """The seal of a thing: of its kind, its name and its content; empty if there is no key."""
        key = self.key
        if key is None:
            return b""
        from blake3 import blake3

        return blake3(_joined(kind, parts), key=key).digest()

    def holds(self, found: object, kind: str, *parts: Part) -> bool:
        """Whether a seal that was found is the one that this user's key gives."""
        if not isinstance(found, bytes) or len(found) != _LENGTH:
            return False
        return _are_equal(found, self.seal(kind, *parts))

    @property
    def fingerprint(self) -> str:
        """A text that shows which key it is, and does not give it away; empty without a key."""
        return self.seal("key").hex()


def sealed_document(seals: Seals, name: str, content: bytes) -> bytes:
    """The text of a JSON object with its seal as the last member.

    name: of the folder in which it lies, so that it is not believed in another.
    """
    body = content.rstrip().removesuffix(b"}").rstrip()
    return body + _MEMBER + seals.seal(_DOCUMENT, name, body).hex().encode() + _END


def without_seal(content: bytes) -> bytes:
    """The text of a JSON object without the seal that it may have."""
    body, member, rest = content.rpartition(_MEMBER)
    return body + b"\n}" if member and _is_seal(rest) else content


def is_own_document(seals: Seals, name: str, content: bytes) -> bool:
    """Whether `sealed_document` made a text with this user's key."""
    body, _, rest = content.rpartition(_MEMBER)
    try:
        found = bytes.fromhex(rest.removesuffix(_END).decode("ascii"))
    except ValueError:
        return False
    return rest.endswith(_END) and seals.holds(found, _DOCUMENT, name, body)


_DOCUMENT, _MEMBER, _END = "document", b',\n "seal": "', b'"\n}'


def _is_seal(rest: bytes) -> bool:
    """Whether what follows is a seal and the end: a member of this name may be a stranger's own."""
    digits = rest.removesuffix(_END)
    return len(digits) == 2 * _LENGTH and digits != rest and digits.isalnum()


def _joined(kind: str, parts: tuple[Part, ...]) -> bytes:
    """The parts as one text, each with its type and length, so that no other parts give it."""
    texts = [kind.encode()]
    for part in parts:
        text = part if isinstance(part, bytes) else _encoded(part)
        texts.append(b"%b%d:%b" % (type(part).__name__[:1].encode(), len(text), text))
    return b"\0".join(texts)


def _encoded(part: str | float | None) -> bytes:
    return str(part).encode("utf-8", "surrogatepass")


def users_key() -> bytes:
    """The key from the variable, or from the user's state folder; raises OSError without one."""
    text = os.environ.get(KEY)
    if text:
        from blake3 import blake3

        return blake3(os.fsencode(text), derive_key_context=_CONTEXT).digest()
    path = _path()
    try:
        return _read(path)
    except FileNotFoundError:
        _make(path)
        return _read(path)


def _path() -> str:
    """The file of the key, in the state folder of the XDG Base Directory Specification."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # by the specification, a relative one does not count
        state = os.path.join(_users_home(), ".local", "state")
    return os.path.join(state, "flowrun", "key")


def _users_home() -> str:
    """The user's home, by the database of users if the environment does not say."""
    home = os.path.expanduser("~") if os.environ.get("HOME", "~") else ""
    if not os.path.isabs(home) and hasattr(os, "getuid"):
        import pwd

        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            home = ""
    if not os.path.isabs(home):
        raise PermissionError(0, "this user has no home")
    return home


def _read(path: str) -> bytes:
    """A key that nobody else could read or write; raises OSError that says what is wrong."""
    folder = os.path.dirname(path)
    _require_own(os.stat(folder), folder, 0o022)
    with opened(path, follow=False) as file:
        _require_own(os.fstat(file.fileno()), path, 0o077)
        key = file.read(_LENGTH + 1)
    if len(key) != _LENGTH:
        reason = f"a key has {_LENGTH} bytes, and this file has not; remove it for a new key"
        raise PermissionError(0, reason, path)
    return key


def _require_own(found: os.stat_result, path: str, others: int) -> None:
    """Refuse a file or folder that is another user's, or whose mode gives others these rights."""
    if not hasattr(os, "geteuid"):  # Windows, which has no such modes
        return
    if found.st_uid != os.geteuid():
        raise PermissionError(0, "it belongs to another user", path)
    if found.st_mode & others:
        raise PermissionError(0, "others may read or change it; `chmod go-rwx` it", path)


def _make(path: str) -> None:
    """Make the key, whole or not at all; of two processes at once, one makes it."""
    folder = os.path.dirname(path)
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    if not os.path.isdir(folder):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    new = f"{path}.{os.urandom(8).hex()}"
    _write_key(new)
    try:
        try:
            os.link(new, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links: until it is written, it is refused
            _write_key(path)
    except FileExistsError:
        pass  # another process has made it meanwhile
    finally:
        os.unlink(new)


def _write_key(path: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    file = os.open(path, flags, 0o600)
    try:
        os.write(file, os.urandom(_LENGTH))
        os.fsync(file)
    except BaseException:
        os.unlink(path)
        raise
    finally:
        os.close(file)


def _without_key(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return (
        f"there is no key for the store ({where}{error.strerror}), so no earlier result is used "
        f"and none is kept; set XDG_STATE_HOME to a folder of yours, or {KEY} to a secret text"
    )

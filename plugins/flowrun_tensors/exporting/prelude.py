"""What an exported script has in place of flowrun: the names that steps import from it.

The text of this file is a template: `flowrun export` copies the definitions that a recipe's steps
use, and nothing else. So each name means here what it means in flowrun and needs no more than the
standard library (`Meta`, which only types kept at run time need, is msgspec's own), and the file
reads as part of the script it ends up in.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import secrets
import sys
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from msgspec import Meta as Meta


class FlowrunError(Exception):
    """Base of every error that a step raises on purpose; `str()` gives the whole message."""


class DataError(FlowrunError):
    """A file or data set that cannot be had, or is not what it should be."""


class DeviceError(FlowrunError):
    """A device that is not there."""


class OptionError(FlowrunError):
    """What is wrong with an option: the message, where in its text, what to do, which option."""

    def __init__(
        self,
        message: str,
        offset: int | None = None,
        hint: str | None = None,
        *,
        option: tuple[str | int, ...] = (),
    ) -> None:
        self.message = message
        self.offset = offset
        self.hint = hint
        self.option = option
        super().__init__(message if hint is None else f"{message}\n{hint}")

    def of_option(self, *option: str | int) -> Self:
        """The same error, said of this option."""
        return type(self)(self.message, self.offset, self.hint, option=option)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The question `did you mean ...?` for the nearest known name, or None."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean `{by_lower[close[0]]}`?" if close else None


def listed(names: Iterable[str], *, limit: int = 12) -> str:
    """Names in a row for a message, cut after `limit` of them."""
    all_names = list(names)
    more = f" and {len(all_names) - limit} more" if len(all_names) > limit else ""
    return ", ".join(all_names[:limit]) + more if all_names else "none"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path to write to; at the end it takes the place of `path`, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class Format:
    """A file format, chosen by a file's suffix: how it is read and written, and its settings."""

    name: str
    suffixes: tuple[str, ...]
    read: Callable[..., dict[str, Any]]
    write: Callable[[Path, dict[str, Any]], None] | None = None
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Named data, and the file that held it when this script was made."""

    name: str
    about: str
    url: str
    filename: str
    sha256: str
    licence: str
    citation: str
    columns: tuple[str, ...] = ()
    standin: str | None = None
    file: Path


@dataclass(frozen=True)
class Model:
    """A model with a forward pass of its own: how its parameters begin, and how it predicts."""

    name: str
    init: Callable[..., dict[str, Any]]
    forward: Callable[..., Any]
    gradient: Callable[..., dict[str, Any]] | None = None


@dataclass(frozen=True)
class Found:
    """A file that holds a data set: the real one, or the simulated stand-in and why."""

    path: Path
    kind: Literal["folder", "cache", "download", "stand-in"]
    reason: str = ""


def locate(dataset: Dataset, *, standin: bool = True) -> Found:
    """The file of a data set: in a folder of FLOWRUN_DATA_PATH, else the one named above.

    Real data must have the right sha256; the stand-in is taken where `standin` allows it.
    """
    for folder in os.environ.get("FLOWRUN_DATA_PATH", "").split(os.pathsep):
        path = Path(folder, dataset.filename)
        if folder and path.is_file():
            _require_sha256(path, dataset.sha256)
            return Found(path, "folder")
    if dataset.standin is None or dataset.file != Path(dataset.standin):
        _require_sha256(dataset.file, dataset.sha256)
        return Found(dataset.file, "folder")
    reason = f"not in FLOWRUN_DATA_PATH, and this script names no other file for {dataset.name}"
    if not standin:
        raise DataError(f"the data set `{dataset.name}` cannot be had: {reason}")
    return Found(dataset.file, "stand-in", reason)


def _require_sha256(path: Path, expected: str) -> None:
    """Raise DataError where a file is not there, or is another one."""
    if not path.is_file():
        raise DataError(f"{path} is not there")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected.lower():
        raise DataError(f"{path} is not the file it should be: sha256 {found}, not {expected}")


def download(url: str, sha256: str, filename: str | None = None) -> Path:
    """A file from an https address, kept in the cache folder and checked against its sum."""
    if not url.startswith("https://"):
        raise DataError(f"{url}: only https addresses are fetched")
    cache = Path(os.environ.get("FLOWRUN_CACHE") or Path.home() / ".cache" / "flowrun")
    name = filename or f"{sha256[:16].lower()}-{url.rsplit('/', 1)[-1].partition('?')[0]}"
    if not (cache / name).is_file():
        if os.environ.get("FLOWRUN_OFFLINE"):
            raise DataError(f"{url} is not fetched, because FLOWRUN_OFFLINE is set")
        with urllib.request.urlopen(url, timeout=10) as answer:
            content = answer.read()
        with replacing(cache / name) as temporary:
            temporary.write_bytes(content)
            _require_sha256(temporary, sha256)
    _require_sha256(cache / name, sha256)
    return cache / name


@dataclass
class Context:
    """One step's view of the recipe: its seed, device and dtype, and ways to speak."""

    step: str
    seed: int
    device: str
    dtype: str
    folder: Path
    own_device: bool = False
    own_dtype: bool = False
    standin: bool = True
    present: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, Format] = field(default_factory=dict)
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)

    @property
    def plugins(self) -> Context:
        return self

    @property
    def devices(self) -> Mapping[str, str]:
        return self.present

    def items(self, hook: str) -> Mapping[str, Model]:
        return self.models

    wants_progress: bool = False
    restored: Any = None

    def path(self, name: str | Path) -> Path:
        """A path of the recipe: relative ones start from the recipe's folder, `~` is expanded."""
        return Path(os.path.normpath(self.folder / Path(name).expanduser()))

    def env(self, name: str) -> str | None:
        """The value of an environment variable, or None."""
        return os.environ.get(name)

    def log(self, text: str) -> None:
        """Say something about what the step did."""
        print(f"{self.step}: {text}")

    def warn(self, text: str) -> None:
        """Say something the user should not miss."""
        print(f"{self.step}: warning: {text}", file=sys.stderr)

    def progress(self, done: int, total: int, **figures: float) -> None:
        """Nothing: a plain script shows no progress."""

    def checkpoint(self, state: Callable[[], Any]) -> None:
        """Nothing: a plain script begins anew each time, so `restored` is None."""

    def reads(self, path: Path) -> Path:
        """The path: a plain script keeps no record of the files it reads."""
        return path

    def writes(self, path: Path) -> Path:
        """The path: a plain script keeps no record of the files it writes."""
        return path

    def locate(self, dataset: Dataset) -> Found:
        """The file of a data set."""
        return locate(dataset, standin=self.standin)

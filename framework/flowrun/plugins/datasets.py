"""Named data looked for: the user's folders, the cache, the network, and at last the stand-in."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

import msgspec

from flowrun.errors import DataError, MissingDataError, NeedsDataError, shown_path
from flowrun.plugins.extensions import Dataset

DATA_PATH = "FLOWRUN_DATA_PATH"
CACHE = "FLOWRUN_CACHE"
OFFLINE = "FLOWRUN_OFFLINE"
STANDIN = "SIMULATED STAND-IN for"  # begins the warning that one is used
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NO_PLAIN_CHARACTER = re.compile(r"[^A-Za-z0-9._%+-]")
_MOST_OF_NAME = 100  # characters of an address in a file's name
_QUICKLY_SUMMED = 16 * 2**20  # bytes of a file whose sha256 takes about 10 ms


class Found(msgspec.Struct, frozen=True):
    """A file with a data set: the real one, or the simulated stand-in and the reason.

    missed: the paths at which it was looked for before, in vain. warning: what a step that uses the
    file should warn of; an empty text if it is the real one.
    """

    path: Path
    kind: Literal["folder", "cache", "download", "stand-in"]
    reason: str = ""
    missed: tuple[Path, ...] = ()
    warning: str = ""


def locate(dataset: Dataset, *, standin: bool = True, fetch: bool = True) -> Found:
    """The file of a data set.

    Looked for in the folders of `FLOWRUN_DATA_PATH`, then in the cache, then downloaded (not with
    `FLOWRUN_OFFLINE` set); every copy must have the right sha256. If all three fail, the simulated
    stand-in is returned, unless `standin` is False: then DataError is raised, as it is for a file
    in `FLOWRUN_DATA_PATH` whose checksum is wrong.

    Without `fetch`, as in a check, nothing is downloaded, and the sha256 of a file larger than
    16 MiB is assumed to be right. If a download might give the real data, the stand-in is returned;
    if there is none, NeedsDataError is raised.
    """
    missed: list[Path] = []
    for folder in filter(None, os.environ.get(DATA_PATH, "").split(os.pathsep)):
        path = Path(folder, dataset.filename)
        if path.is_file():
            if not _is_trusted(path, fetch):
                _require_sha256(path, dataset.sha256)
            return Found(path, "folder", missed=tuple(missed))
        missed.append(path)
    path = cache_folder() / dataset.filename
    if _is_cached(path, dataset.sha256, fetch):
        return Found(path, "cache", missed=tuple(missed))
    try:
        path = download(dataset.url, dataset.sha256, dataset.filename, fetch=fetch)
        return Found(path, "download", missed=tuple(missed))
    except (DataError, NeedsDataError) as error:
        failure = error
    where = os.environ.get(DATA_PATH)
    folders = f"not in {DATA_PATH} ({where})" if where else f"{DATA_PATH} is not set"
    reason = f"{folders}, not in the cache ({cache_folder()}),\nand {failure}"
    if not standin or dataset.standin is None:
        if isinstance(failure, NeedsDataError):
            raise NeedsDataError(f"the data set `{dataset.name}` is not downloaded in a check")
        raise MissingDataError(
            f"the data set `{dataset.name}` is not available: {reason}\n"
            f"    put {dataset.filename} into a folder named by {DATA_PATH}, or allow downloads"
        )
    standin_path = Path(dataset.standin)
    warning = (
        f"{STANDIN} {dataset.name} ({standin_path.name}), not the real data;\n"
        f"{dataset.filename} is not in {DATA_PATH}, and "
        f"{str(failure).replace(dataset.url, 'its address')}"
    )
    return Found(standin_path, "stand-in", reason, (*missed, path), warning)


def download(url: str, sha256: str, filename: str | None = None, *, fetch: bool = True) -> Path:
    """A file from an https address, in the cache; downloaded only if the cache lacks it.

    Raises DataError if the address is not https, cannot be reached, gives other bytes than `sha256`
    says, or exceeds the bounds of `flowrun.plugins.downloading`. pooch does the checking, under a
    temporary name. Without `fetch`, as in a check, NeedsDataError is raised if the cache lacks it.
    """
    if not url.startswith("https://"):
        raise DataError(f"{url}: only https addresses are fetched")
    sha256 = sha256.lower()
    if not _SHA256.fullmatch(sha256):
        raise DataError(f"`sha256` is no sha256 of 64 hexadecimal digits: {sha256[:80]!a}")
    name = filename or f"{sha256[:16]}-{_last_part(url)}"
    path = cache_folder() / name
    if _is_cached(path, sha256, fetch):
        return path
    if os.environ.get(OFFLINE):
        raise DataError(f"{url} is not fetched, because {OFFLINE} is set")
    if not fetch:
        raise NeedsDataError(f"{url} is not downloaded in a check")
    import pooch

    pooch.get_logger().setLevel("ERROR")
    try:
        return Path(
            pooch.retrieve(
                url,
                known_hash=f"sha256:{sha256}",
                fname=name,
                path=cache_folder(),
                downloader=_fetch_to,
            )
        )
    except Exception as error:  # requests, urllib3, ssl, OSError, ValueError for a wrong hash
        reason, _, hint = _reason(error).partition("\n")
        more = f"\n{hint}" if hint else ""
        raise DataError(f"{url} cannot be fetched ({reason}){more}") from error


def _fetch_to(url: str, path: str, _pooch: object) -> None:
    """Write what an address gives to a file; as pooch calls it."""
    from flowrun.plugins.downloading import BodyFetcher  # slow to import, and rarely needed

    with Path(path).open("wb") as file:
        BodyFetcher(url, file).fetch()


def _last_part(url: str) -> str:
    """The last part of an address, whose suffix names the format, as a plain name for a file."""
    last = url.rsplit("/", 1)[-1].partition("?")[0].partition("#")[0]
    return _NO_PLAIN_CHARACTER.sub("_", last)[-_MOST_OF_NAME:]


def cache_folder() -> Path:
    """Where downloads are kept: `FLOWRUN_CACHE`, or the user's cache folder."""
    import platformdirs

    return Path(os.environ.get(CACHE) or platformdirs.user_cache_dir("flowrun"))


def _reason(error: Exception) -> str:
    """Why a download failed, in one line; a second one says what to do."""
    if isinstance(error, DataError):
        return str(error)
    from flowrun.plugins.downloading import shown

    text = str(error)
    if "hash" in text and "expected" in text:
        return "its sha256 is not the expected one"
    if "resolve" in text or "NameResolution" in text:
        return "no network, or no such host"
    return f"{type(error).__name__}: {shown(text)}"


def _is_cached(path: Path, sha256: str, fetch: bool) -> bool:
    return path.is_file() and (_is_trusted(path, fetch) or _sha256(path) == sha256)


def _is_trusted(path: Path, fetch: bool) -> bool:
    """Whether a file's sha256 is taken to be right: in a check, that of a large one."""
    return not fetch and path.stat().st_size > _QUICKLY_SUMMED


def _require_sha256(path: Path, expected: str) -> None:
    found = _sha256(path)
    if found != expected:
        raise DataError(
            f"{shown_path(path)} is not the file it should be\n"
            f"    sha256    {found}\n"
            f"    expected  {expected}\n"
            f"    replace the file, or take its folder out of {DATA_PATH}"
        )


def _sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

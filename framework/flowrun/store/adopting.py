"""A store from elsewhere taken over: its records are sealed with the user's key, its values copied.

Everything else in it (memos, checkpoints, digests of files) is computed again when it is needed.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from flowrun.errors import FlowrunError, listed, shown_path
from flowrun.store.own_folder import TABLES, set_aside_in
from flowrun.store.step_records import KeyParts, StepRecord, decoded_record
from flowrun.store.store import Store
from flowrun.store.structures import NoCodecError, put_together
from flowrun.store.tables import OtherTablesError, require_plain, rows_of_steps
from flowrun.store.value_files import is_value_name, value_paths
from flowrun.values.files import is_file, real_path

_KEY = re.compile(r"[0-9a-f]{64}")
_AT_ONCE = 1000  # records written in one transaction


class Adopted(msgspec.Struct):
    """The items that were taken over. refused: records that are none of flowrun's.

    folder: the store from which they come.
    """

    records: int = 0
    values: int = 0
    runs: int = 0
    refused: int = 0
    folder: Path | None = None


def adopt(store: Store, folder: Path | None) -> Adopted:
    """Take over what lies in a folder: a store, or one that has a `store`, or a project.

    folder: by default the store that was set aside last, if there is one. The runs beside the
    user's own store are taken over as well. Raises FlowrunError if there is no store in the folder,
    and if there is nothing to take over.
    """
    if not store.database.is_in_reach:  # by now, a present store of another key was set aside
        raise FlowrunError(f"nothing can be kept in {shown_path(store.folder)}")
    source = _source(store, folder)
    adopted = Adopted(runs=store.runs.adopt(), folder=source)
    if source is None:
        if adopted.runs:
            return adopted
        home = shown_path(store.folder.parent)
        raise FlowrunError(
            f"no store was set aside in {home}, and no run in it is from elsewhere\n"
            "    expected  a folder"
        )
    records: list[StepRecord] = []
    for key, encoded in _rows(source):
        record = _valid(key, encoded)
        if record is None:
            adopted.refused += 1
            continue
        adopted.values += sum(_take_values(store, source, record))
        adopted.records += 1
        records.append(record)
        if len(records) >= _AT_ONCE:
            store.records.keep_all(records)
            records = []
    store.records.keep_all(records)
    return adopted


def _source(store: Store, folder: Path | None) -> Path | None:
    own = real_path(store.folder)
    places = [] if folder is None else [folder, folder / "store", folder / ".flowrun/store"]
    if folder is None or own in map(real_path, places):
        found = set_aside_in(store.folder.parent)
        if len(found) > 1:
            raise FlowrunError(
                f"{len(found)} stores were set aside: {listed(map(shown_path, found))}\n"
                f"    name the one that you trust: `flowrun store adopt {shown_path(found[-1])}`"
            )
        return found[0] if found else None
    for one in places:
        if (one / TABLES).is_file():
            return one
    raise FlowrunError(f"there is no store in {shown_path(folder)}, which would have a {TABLES}")


def _rows(source: Path) -> list[tuple[object, object]]:
    try:
        require_plain(source / TABLES)
        return rows_of_steps(source / TABLES)
    except (OtherTablesError, sqlite3.Error, UnicodeDecodeError, OSError) as error:
        raise FlowrunError(f"the store {shown_path(source)} cannot be read: {error}") from error


def _valid(key: object, encoded: object) -> StepRecord | None:
    """The record of a row if all of it has the form of one."""
    record = decoded_record(encoded) if isinstance(encoded, bytes) else None
    if record is None or record.key != key or not _KEY.fullmatch(record.key):
        return None
    try:
        msgspec.convert(record.parts, KeyParts)
        for output in record.outputs.values():
            _require_valid(output.plain, output.object, output.digest)
    except Exception:  # a document of any form may be in it
        return None
    return record


def _require_valid(plain: list[object] | None, name: str | None, digest: str | None) -> None:
    if name is not None and not (is_value_name(name) and (digest or "").startswith(name)):
        raise ValueError(name)
    if plain is not None:
        try:
            put_together(plain[0], {}, None)
        except NoCodecError:
            return  # a value of a plugin's type


def _take_values(store: Store, source: Path, record: StepRecord) -> Iterator[bool]:
    """Copy the files of a record's values; gives whether each was there and was not known yet."""
    for output in record.outputs.values():
        if output.object is None:
            continue
        paths = [path for path in value_paths(source / "objects", output.object) if is_file(path)]
        yield store.objects.take(output.object, paths)

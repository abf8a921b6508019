"""Records of steps that ran, and of expectations that were checked, found by key.

A key is a digest of everything that a result depends on. Its parts are kept with the record, so
that a changed key can be explained part by part.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from flowrun.store.closure import Code
from flowrun.store.database import Database
from flowrun.values.digests import parts_digest
from flowrun.values.surroundings import surroundings

BASE_LENGTH = 32  # digits of a key that are those of its base: 128 bits
_KEEP = "insert or replace into steps values (?, ?, ?, ?)"
_SEALED = "steps"  # the kind of the seals
_MOST_FOUND = 20  # records of one base key that are looked at, the last used first


class KeyParts(msgspec.Struct, omit_defaults=True):
    """The things that a step's result depends on, as far as known before the step is called.

    plugin: name and version of the plugin that gives it. version: the step's own `version=`.
    code: digests of its modules, by name. packages: versions of those that the code imports.
    around: digests of what plugins wrap around each step, by plugin, and of their codecs.
    options: the converted options. inputs: content digests, by parameter.
    device: the type alone. seed: if the step is random.
    variables: those that Python and the C library read for themselves, if they are set.
    settings: those of the process that differ from a fresh one's, by name.
    """

    step: str
    plugin: str
    version: str
    code: dict[str, str]
    packages: dict[str, str]
    around: dict[str, str]
    options: dict[str, Any]
    inputs: dict[str, str]
    dtype: str
    device: str
    seed: int | None
    variables: dict[str, str] = msgspec.field(default_factory=surroundings)
    settings: dict[str, str] = {}


def code_parts(code: Code) -> tuple[dict[str, str], dict[str, str]]:
    """The digests of modules and the versions of packages, Python's own among them."""
    optimized = f" -{'O' * sys.flags.optimize}" if sys.flags.optimize else ""
    python = f"{sys.version_info.major}.{sys.version_info.minor}{optimized}"
    return code.modules, {"python": python, **code.packages}


def full_key(base: str, states: Mapping[str, str]) -> str:
    """The whole key: the base, and the states of everything the step looked at while it ran.

    It begins with the first half of the base, so that the records of one base lie together.
    """
    return base[:BASE_LENGTH] + parts_digest(dict(states))[:BASE_LENGTH]


class OutputRecord(msgspec.Struct):
    """One output: its digest, its summary, and its value or the place of its bytes.

    plain: the value itself, if it is small and of plain parts; `[document]`, or None.
    classes: what identifies the plan's classes and functions in it, by `module:name`.
    object: the name under which its bytes are kept, or None. is_keepable: whether it has a form
    on disk, as far as that has been tried.
    """

    digest: str | None
    summary: dict[str, Any]
    plain: list[Any] | None = None
    object: str | None = None
    is_keepable: bool = True
    classes: dict[str, str] = {}

    @property
    def is_kept(self) -> bool:
        """Whether the value is available in a later run without recomputing it."""
        return self.plain is not None or self.object is not None


class StepRecord(msgspec.Struct):
    """The record of a step that ran.

    base: the key as known before the call. key: the same with the states of things it looked at.
    seconds: of the whole step. work: of its function alone. peak_bytes: of memory, if known.
    files: digests of the files it wrote. unseen: things it started that may have read more than the
    states show. run: the run that made it.
    """

    key: str
    base: str
    step: str
    parts: dict[str, Any]
    states: dict[str, str]
    outputs: dict[str, OutputRecord]
    run: str
    made: float
    seconds: float = 0.0
    work: float = 0.0
    peak_bytes: int | None = None
    messages: list[tuple[str, bool]] = []
    unseen: list[str] = []
    files: dict[str, str | None] = {}

    @property
    def is_kept(self) -> bool:
        """Whether every value that can be kept is."""
        return all(one.is_kept or not one.is_keepable for one in self.outputs.values())

    @property
    def classes(self) -> dict[str, str]:
        """What identifies the plan's classes and functions in its values."""
        found = [one.classes for one in self.outputs.values()]
        return {name: code for classes in found for name, code in classes.items()}


class StepRecords:
    """The table of step records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_base(self, base: str) -> list[StepRecord]:
        """The records of a base key, the last used first; damaged ones are left out."""
        rows = self._database.rows(
            "select key, record, seal from steps where key >= ? and key < ? "
            "order by made desc limit ?",
            (base[:BASE_LENGTH], base[:BASE_LENGTH] + "g", _MOST_FOUND),
        )
        found = (self._decoded(*row) for row in rows)
        return [record for record in found if record is not None]

    def of_key(self, key: str) -> StepRecord | None:
        """The record of a key."""
        row = self._database.row("select key, record, seal from steps where key = ?", (key,))
        return None if row is None else self._decoded(*row)

    def is_known(self, base: str) -> bool:
        """Whether there is a record of a base key, or of one that begins like this."""
        keys = (base[:BASE_LENGTH], base[:BASE_LENGTH] + "g")
        return (
            self._database.row("select 1 from steps where key >= ? and key < ?", keys) is not None
        )

    def keep(self, record: StepRecord) -> None:
        """Keep a record; one of the same key is replaced."""
        self.keep_all([record])

    def keep_all(self, records: Iterable[StepRecord]) -> None:
        """Keep several records in one transaction."""
        self._database.write(_KEEP, [self._row(record) for record in records])

    def all(self) -> Iterator[StepRecord]:
        """Every record that is whole."""
        for row in self._database.rows("select key, record, seal from steps"):
            found = self._decoded(*row)
            if found is not None:
                yield found

    def keys(self) -> set[str]:
        """Every key there is."""
        return {key for (key,) in self._database.rows("select key from steps")}

    def damaged(self) -> list[str]:
        """The keys of damaged records."""
        rows = self._database.rows("select key, record, seal from steps")
        return [str(row[0]) for row in rows if self._decoded(*row) is None]

    def older_than(self, moment: float) -> set[str]:
        """The keys of records made before that."""
        rows = self._database.rows("select key from steps where made < ?", (moment,))
        return {key for (key,) in rows}

    def remove(self, keys: Iterable[str]) -> None:
        """Remove records."""
        self._database.write("delete from steps where key = ?", [(key,) for key in keys])

    def _row(self, record: StepRecord) -> tuple[object, ...]:
        try:
            encoded = _ENCODER.encode(record)
        except (OverflowError, UnicodeEncodeError):  # more than 64 bits, half a pair of surrogates
            encoded = json.dumps(msgspec.to_builtins(record)).encode()
        seal = self._database.seals.seal(_SEALED, record.key, encoded)
        return record.key, record.made, encoded, seal

    def _decoded(self, key: object, encoded: object, seal: object) -> StepRecord | None:
        """The record of a row; None if the row is damaged, or was made with another key."""
        if not isinstance(encoded, bytes) or not isinstance(key, str):
            return None
        is_own = self._database.seals.holds(seal, _SEALED, key, encoded)
        return decoded_record(encoded) if is_own else None


def decoded_record(encoded: bytes) -> StepRecord | None:
    """The record that bytes hold; None if they hold none."""
    try:
        if encoded.startswith(b"{"):
            return msgspec.convert(json.loads(encoded), StepRecord)
        return _DECODER.decode(encoded)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


# MessagePack, since JSON has neither infinity nor nan, and this is read 200 times in a rerun.
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(StepRecord)

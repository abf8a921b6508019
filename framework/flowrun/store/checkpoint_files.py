"""The files of checkpoints, which go when their steps are on record."""

from __future__ import annotations

from pathlib import Path

from flowrun.store.database import Database
from flowrun.store.files import remove_abandoned
from flowrun.store.keys import BASE_LENGTH
from flowrun.store.value_files import remove_value


def remove_finished(folder: Path, database: Database) -> None:
    """Remove the checkpoints of steps that are on record and that no run is computing.

    A process killed after it kept a step's record leaves one behind, and nobody calls that step
    again.
    """
    remove_abandoned(folder)
    try:
        found = [path.name for path in folder.iterdir()]
    except OSError:
        return
    for name in {name[:BASE_LENGTH] for name in found if not name.startswith(".")}:
        keys = (name, name + "g")  # every key and base key that begins with the name
        is_on_record = database.row("select 1 from steps where key between ? and ?", keys)
        is_claimed = database.row("select 1 from claims where base between ? and ?", keys)
        if is_on_record and not is_claimed:
            remove_value(folder, name)

"""What came of expectations, by the content they were held against."""

from __future__ import annotations

import json
import time
from typing import Any

from flowrun.store.database import Database
from flowrun.values.digests import parts_digest


class Outcomes:
    """The table of outcomes: a value that is known need not be made to be judged again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, key: str) -> dict[str, Any] | None:
        """The outcome of a key, or None; one that is not what was kept counts as none."""
        row = self._database.row("select outcome from outcomes where key = ?", (key,))
        if row is None:
            return None
        seal, _, text = str(row[0]).partition(" ")
        return dict(json.loads(text)) if seal == parts_digest([key, text]) else None

    def keep(self, outcomes: dict[str, dict[str, Any]]) -> None:
        """Keep outcomes by key."""
        now = time.time()
        texts = {key: json.dumps(outcome) for key, outcome in outcomes.items()}
        rows = [(key, now, f"{parts_digest([key, text])} {text}") for key, text in texts.items()]
        self._database.write("insert or replace into outcomes values (?, ?, ?)", rows)

"""What came of expectations, by the content they were held against."""

from __future__ import annotations

import json
import time
from typing import Any

from flowrun.store.database import Database


class Outcomes:
    """The table of outcomes: a value that is known need not be made to be judged again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, key: str) -> dict[str, Any] | None:
        """The outcome of a key, or None."""
        row = self._database.row("select outcome from outcomes where key = ?", (key,))
        return None if row is None else dict(json.loads(row[0]))

    def keep(self, outcomes: dict[str, dict[str, Any]]) -> None:
        """Keep outcomes by key."""
        now = time.time()
        rows = [(key, now, json.dumps(outcome)) for key, outcome in outcomes.items()]
        self._database.write("insert or replace into outcomes values (?, ?, ?)", rows)

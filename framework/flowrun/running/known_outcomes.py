"""Outcomes of expectations that are known, because the same value was judged before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from flowrun.expectations.check import Check, CheckResult, JudgeContext
from flowrun.expectations.expectation import Expectation, Expectations
from flowrun.running.output import Held
from flowrun.store.outcomes import Outcomes
from flowrun.values.digests import parts_digest


class KnownOutcomes:
    """The outcomes that a store knows of values by their content."""

    def __init__(
        self, outcomes: Outcomes | None, named: Mapping[str, Held], context: JudgeContext
    ) -> None:
        self._outcomes = outcomes
        self._named = named
        self._context = context
        self._new: dict[str, dict[str, Any]] = {}

    def knows_all(self, expectations: Expectations) -> bool:
        """Whether no value need be made to tell every outcome."""
        return all(
            self._key(expectation, check) is None or self.find(expectation, check) is not None
            for expectation in expectations.values
            for check in expectation.of_one_run
        )

    def find(self, expectation: Expectation, check: Check) -> CheckResult | None:
        """The outcome of a check on a value that is not at hand, where it is known."""
        key = self._key(expectation, check)
        if key is None or self._outcomes is None:
            return None
        known = self._outcomes.find(key)
        return None if known is None else CheckResult(**known)

    def note(self, expectation: Expectation, check: Check, outcome: CheckResult) -> None:
        """Remember an outcome that took a value to tell."""
        key = self._key(expectation, check)
        if key is not None:
            self._new[key] = msgspec.to_builtins(outcome)

    def keep(self) -> None:
        """Keep what was noted."""
        if self._outcomes is not None:
            self._outcomes.keep(self._new)

    def _key(self, expectation: Expectation, check: Check) -> str | None:
        """The digest of a value, a path into it and a check; None where none is needed."""
        held = self._named.get(expectation.path.root)
        if held is None or held.record.plain is not None or held.record.digest is None:
            return None
        identity = check.identity(self._context)
        return parts_digest([held.record.digest, expectation.path.text, check.name, identity])

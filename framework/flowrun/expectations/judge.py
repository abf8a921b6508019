"""The checks of a recipe judged on the values of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from flowrun.errors import StepError
from flowrun.expectations.check import Check, CheckResult, JudgeContext
from flowrun.expectations.expectation import Expectation, Expectations


class Known(Protocol):
    """The results of earlier runs, for values that have not changed since."""

    def find(self, expectation: Expectation, check: Check) -> CheckResult | None:
        """The result of one check, if it is known."""

    def note(self, expectation: Expectation, check: Check, result: CheckResult) -> None:
        """Remember the result of one check."""


def judge(
    expectations: Expectations,
    named: Mapping[str, Any],
    known: Known,
    context: JudgeContext,
    failure: StepError | None = None,
) -> list[CheckResult]:
    """The result of each check of each expectation, for the values of a run and its failure.

    A value is fetched only if a result is not known.
    """
    results = [] if expectations.error is None else [expectations.error.judge(failure)]
    for expectation in expectations.values:
        for check in expectation.of_one_run:
            result = known.find(expectation, check)
            if result is None:
                result = expectation.judge(check, named, context)
                known.note(expectation, check, result)
            results.append(check.among_others(result, context.shared))
    return results

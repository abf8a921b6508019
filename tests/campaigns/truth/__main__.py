"""Runs the campaign's edits and counts the stale results and the needless calls.

Arguments, if any, are parts of the names of those that are run.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests import processes
from tests.campaigns.truth.cases import CASES
from tests.campaigns.truth.running import FORMS, Verdict, verdict


def verdicts(parts: list[str]) -> list[Verdict]:
    """The verdicts on all cases whose names hold one of the parts, each shown if it is bad."""
    found = []
    chosen = [case for case in CASES if not parts or any(part in str(case) for part in parts)]
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(chosen):
            for form in FORMS:
                found.append(verdict(case, form, Path(folder, f"{number}{form}", "case")))
                _show(found[-1])
    return found


def _show(one: Verdict) -> None:
    case = f"{one.case} ({one.form})"
    if one.stale:
        print(f"STALE     {case}: {one.stale}  {one.case.unseen}", flush=True)
    if one.needless:
        print(f"NEEDLESS  {case}: {', '.join(one.needless)}  {one.case.needless}", flush=True)
    if one.differs != one.case.differs:
        print(f"WRONG     {case}: differs is {one.differs}  {one}", flush=True)


def main() -> None:
    """Run them and print the figures."""
    os.environ.setdefault(processes.OWNER, str(os.getpid()))
    os.environ.update(PYTHONDONTWRITEBYTECODE="1", FLOWRUN_OFFLINE="1")
    found = verdicts(sys.argv[1:])
    stale = [one for one in found if one.stale and not one.case.unseen]
    unseen = [one for one in found if one.stale and one.case.unseen]
    needless = [one for one in found if one.needless]
    print(f"{len(found)} runs of {len(found) // len(FORMS)} edits after which")
    print(f"{sum(one.differs for one in found)} results differ: {len(stale)} stale")
    print(f"  and {len(unseen)} that are documented as unseen")
    print(f"{sum(not one.differs for one in found)} are the same: {len(needless)} needless calls")


if __name__ == "__main__":
    main()

"""Plant every regression and run every shipped recipe: which of them notice it.

python -m tests.campaigns.mutants [WORDS]    those with one of the words in their mistake, or all
"""

from __future__ import annotations

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.campaigns.mutants.planting import Regression, copied, plant, shipped
from tests.campaigns.mutants.running import CheckResult, run
from tests.campaigns.mutants.table import REGRESSIONS

_MEASURING = "bench"  # recipes that take their time, and notice only what measures


def outcomes(regression: Regression) -> list[CheckResult]:
    """What comes of the shipped recipes where this mistake is made."""
    is_of_measuring = _MEASURING in regression.file
    recipes = [name for name in shipped() if is_of_measuring or _MEASURING not in name]
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(Path(folder).resolve() / "copy")
        plant(regression, copy)
        return run(recipes, copy)


def main(words: list[str]) -> int:
    """Print a line for each regression; gives the number of those that no recipe notices."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    chosen = [one for one in REGRESSIONS if not words or any(word in one.mistake for word in words)]
    missed = 0
    with ThreadPoolExecutor(2) as pool:
        for regression, found in zip(chosen, pool.map(outcomes, chosen), strict=True):
            caught = [outcome.recipe for outcome in found if outcome.is_caught]
            missed += not caught
            print(f"{regression.mistake}: {', '.join(caught) or 'NOT NOTICED'}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} regressions are noticed by a shipped recipe")
    return missed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))

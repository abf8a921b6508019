"""Write docs/article-blocks.md: each code block of the article, its recipe, and both results.

python docs/make_article.py            runs the recipes of recipes/article and writes the page
python docs/make_article.py --check    exits with 1 if the page is not current

The article's result stands in a recipe as a comment, `# article, block 2: tensor([3, 6, 9])`.
The page shows numbers to the digits that are held, on the simulated stand-in and without a GPU,
so that it is the same on every machine.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
import tempfile
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import flowrun
from flowrun.expectations.check import Check
from flowrun.expectations.checks.equals import Equals
from flowrun.expectations.expectation import Expectation
from flowrun.values.paths import follow

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "article-blocks.md"
RECIPES = ROOT / "recipes" / "article"

_COMMENT = re.compile(
    r"^# article, (?:block (\d+)|no block)(?:: (.*(?:\n#   .*)*))?$", re.MULTILINE
)
_COLUMNS = "| block | what it shows | recipe | in the article | here |\n|---:|---|---|---|---|\n"
_HEAD = """\
# The article, block by block

The article goes from tensors to a trained network in {blocks} blocks of Python, counted here from
its first. Each is a recipe that checks the article's result to the digits it prints; if that
print is wrong or was a random draw, the recipe checks the correct result, and says so.
[The article, by experiment](article.md) tries them out and changes them. All of them:

```sh
flowrun recipes/article/*.yaml
```

The last column has the results of the recipes on the simulated stand-in of the wine data and
without a GPU; the same is expected of the real data. For bounds it says whether they are met, as
the numbers depend on data and machine. This page is written by `python docs/make_article.py`.
"""


def page(folder: Path) -> str:
    """The whole page, from running the recipes in `folder`."""
    plans = [flowrun.plan(path) for path in sorted(folder.glob("*.yaml"))]
    blocks: set[str] = set()
    parts = []
    for section, members in groupby(plans, lambda plan: plan.recipe.section):
        parts.append(f"\n## {section}\n\n{_COLUMNS}")
        for plan in members:
            block, result = _of_the_article(plan.recipe)
            blocks.add(block)
            name = plan.recipe.name
            link = f"[{name}](../recipes/article/{name}.yaml)"
            cells = (block, _escaped(plan.recipe.about), link, result, _result(plan))
            parts.append(f"| {' | '.join(cells)} |\n")
    return _HEAD.format(blocks=len(blocks - {""})) + "".join(parts)


def _of_the_article(recipe: flowrun.Recipe) -> tuple[str, str]:
    """The number of the article's code block and what it prints, from the recipe's comment."""
    comment = _COMMENT.search(recipe.source.text)
    if comment is None:
        raise SystemExit(f"{recipe.name} has no comment `# article, block 1: what it prints`")
    printed = (comment[2] or "").replace("\n#  ", "")
    return comment[1] or "", _code(printed) if printed else ""


def _result(plan: flowrun.Plan) -> str:
    """What each expectation of the recipe found, to the digits that are held."""
    result = flowrun.run(plan.recipe, record=False)
    if result.record["status"] == "skipped":
        return f"skipped: needs {' and '.join(plan.recipe.needs.texts)}"
    outcomes = iter(result.record["expectations"])
    texts = []
    if (error := plan.expectations.error) is not None:
        verdict = "" if next(outcomes)["met"] else ": NOT MET"
        texts.append(f"{_code(error.step)} fails with {_code(error.matches)}{verdict}")
    for expectation in plan.expectations.values:
        named = [
            _outcome(check, next(outcomes), expectation, result) for check in expectation.of_one_run
        ]
        texts.append(f"{_code(expectation.path.text)} {', '.join(named)}")
    return "; ".join(texts)


def _outcome(
    check: Check, outcome: dict[str, Any], expectation: Expectation, result: flowrun.Result
) -> str:
    """What one check found: numbers where they are the same everywhere, else the bound."""
    if not outcome["met"]:
        return f"{outcome['wanted']}: NOT MET, found {outcome['found']}"
    if isinstance(check, Equals):
        path = expectation.path
        value = follow(path, result.values[path.root])
        plain = value.tolist() if hasattr(value, "tolist") else value
        return _printed(plain, check.rtol, check.atol)
    if check.name in ("shape", "dtype", "device"):
        return f"{check.name} {outcome['found']}"
    return f"{outcome['wanted']}: met"


def _printed(value: Any, rtol: float | None, atol: float | None) -> str:
    """A value to the digits within half of whose last one it is held."""
    if isinstance(value, list):
        return f"[{', '.join(_printed(item, rtol, atol) for item in value)}]"
    if not isinstance(value, float):
        return str(value)
    if rtol is not None:
        return f"{value:.{_digits(rtol)}e}"
    if atol is None:
        return f"{value:.5g}"
    # Six significant digits first: the seventh of a float32 depends on the machine.
    step = Decimal(1).scaleb(-_digits(atol))
    rounded = Decimal(f"{value:.6g}").quantize(step, ROUND_HALF_UP)
    return str(abs(rounded) if rounded.is_zero() else rounded)


def _digits(tolerance: float) -> int:
    """How many digits stand behind the point where half of the last one is the tolerance."""
    return -math.floor(math.log10(2 * tolerance) + 1e-9)


def _code(text: str) -> str:
    return f"`{_escaped(text)}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def current_page() -> str:
    """The page as it should be, made from a copy of the recipes, as these write files."""
    os.environ.update(FLOWRUN_OFFLINE="1", CUDA_VISIBLE_DEVICES="")
    os.environ.pop("FLOWRUN_DATA_PATH", None)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FLOWRUN_CACHE"] = str(Path(folder, "cache"))
        return page(shutil.copytree(RECIPES, Path(folder, "recipes", "article")))


def main() -> int:
    """Write the page, or hold it against what it should be."""
    text = current_page()
    if sys.argv[1:] != ["--check"]:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        name = PAGE.relative_to(ROOT)
        print(f"{name} is not current: run `python docs/make_article.py`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

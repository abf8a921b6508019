"""The check before a run, in a process of its own: nothing of it is left when the run begins."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

import msgspec

from flowrun.cli.check_reports import show_findings
from flowrun.cli.own_process import own_command
from flowrun.cli.waiting import waiting
from flowrun.recipes.overrides import RecipeOptions


class FirstCheck(msgspec.Struct, frozen=True):
    """What a check before a run found. seconds: how long it took. text: what came of it, in words.

    errors: the findings that would make the run fail.
    """

    seconds: float
    text: str
    errors: list[dict[str, Any]] = []


def check_first(
    recipe: str,
    *,
    options: RecipeOptions,
    most_seconds: float | None,
    show: bool,
    warn: Callable[[str], None],
) -> FirstCheck:
    """The errors that `flowrun check` finds in a recipe.

    The check runs in a process of its own: steps called in it may change values in their modules,
    and torch cannot unregister the stand-in of an absent device. most_seconds: the time after which
    it is given up. show: whether errors and warnings are printed. warn: called if the check itself
    fails; then no errors are known.
    """
    command = own_command("check", recipe, "--json", *options.arguments)
    start = time.perf_counter()
    try:
        with waiting.shown(f"  checking {recipe} ..."):
            done = subprocess.run(command, capture_output=True, check=False, timeout=most_seconds)
    except subprocess.TimeoutExpired:
        seconds = time.perf_counter() - start
        return FirstCheck(seconds, "given up, because it took a tenth of the run's likely time")
    seconds = time.perf_counter() - start
    try:
        found = msgspec.json.decode(done.stdout)["findings"]
    except (msgspec.DecodeError, KeyError):
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        warn(f"the recipe was not checked: {last or f'exit code {done.returncode}'}")
        return FirstCheck(seconds, "failed")
    if show:
        show_findings(finding["text"] for finding in found if finding["kind"] != "unknown")
    errors = [finding for finding in found if finding["kind"] == "error"]
    unknown = list(dict.fromkeys(one["step"] for one in found if one["kind"] == "unknown"))
    return FirstCheck(seconds, _text(len(errors), unknown), errors)


def _text(errors: int, unknown: list[str | None]) -> str:
    if errors:
        return "1 error" if errors == 1 else f"{errors} errors"
    names = [f"`{step}`" for step in unknown if step is not None]
    known_in_a_run = f"; known only in a run: {', '.join(names)}" if names else ""
    return f"no errors{known_in_a_run}"

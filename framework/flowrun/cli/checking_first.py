"""The check before a run, in a process of its own: nothing of it is left when the run begins."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from flowrun.cli.check_reports import finding_text
from flowrun.recipes.overrides import RecipeOptions


def check_first(
    recipe: str,
    *,
    options: RecipeOptions,
    show: bool,
    warn: Callable[[str], None],
) -> list[dict[str, Any]]:
    """The errors that `flowrun check` finds in a recipe.

    The check runs in a process of its own: steps called in it may change values in their modules,
    and torch cannot unregister the stand-in of an absent device. show: whether errors and warnings
    are printed. warn: called if the check itself fails; then no errors are known.
    """
    # Modules are looked for in the current folder only if they are here too.
    own = [] if str(Path.cwd()) in sys.path else ["-P"]
    command = [sys.executable, *own, "-m", "flowrun", "check", recipe, "--json", *options.arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    try:
        found = msgspec.json.decode(done.stdout)["findings"]
    except (msgspec.DecodeError, KeyError):
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        warn(f"the recipe was not checked: {last or f'exit code {done.returncode}'}")
        return []
    for finding in found:
        if show and finding["kind"] != "unknown":
            click.echo(finding_text(finding["text"]), err=True)
    return [finding for finding in found if finding["kind"] == "error"]

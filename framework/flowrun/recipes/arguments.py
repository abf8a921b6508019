"""The options that recipes share on the command line, written out again for another process."""

from __future__ import annotations

from collections.abc import Iterable


def recipe_arguments(
    *,
    settings: Iterable[str] = (),
    plugins: Iterable[str] = (),
    device: str | None = None,
    seed: int | None = None,
    standin: bool = True,
) -> list[str]:
    """The arguments that give a recipe these options; nothing for what is as by default."""
    arguments = [part for setting in settings for part in ("--set", setting)]
    arguments += [part for plugin in plugins for part in ("--plugin", plugin)]
    arguments += [] if device is None else ["--device", device]
    arguments += [] if seed is None else ["--seed", str(seed)]
    return arguments + ([] if standin else ["--no-standin"])

"""The environments of this benchmark: one for all rivals, and flowrun's, with its extra `fast`."""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable
from pathlib import Path

from benchmarks.environments import (
    CHECKOUT,
    Environment,
    NotInstalledError,
    make,
    make_flowrun,
)

PINNED = ("torch", "numpy")  # to the versions flowrun gets, so that all compute with the same
RIVALS = ("jax==0.10.*", "scikit-learn==1.9.*", "skorch==1.4.*", "lightning==2.6.*")
SHOWN = (*PINNED, "jax", "scikit-learn", "skorch", "lightning")
EXTRA = "fast"


def surroundings(checkout: Path) -> tuple[dict[str, Environment | str], dict[str, str]]:
    """The environments `rivals` and `flowrun`, or why there is none; and what is in them."""
    made: dict[str, Environment | str] = {}
    versions: dict[str, str] = {}
    makers: dict[str, Callable[[], tuple[Environment, str]]] = {
        "rivals": _rivals,
        "flowrun": lambda: _flowrun(checkout),
    }
    for name, maker in makers.items():
        try:
            made[name], versions[name] = maker()
        except NotInstalledError as error:
            made[name] = versions[name] = f"could not be installed: {error}"
    return made, versions


def _rivals() -> tuple[Environment, str]:
    lines = (CHECKOUT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line.partition("==")[0] in PINNED]
    environment = Environment("training", (*pins, *RIVALS), SHOWN)
    make(environment)
    return environment, environment.versions()


def _flowrun(checkout: Path) -> tuple[Environment, str]:
    metadata = configparser.ConfigParser()
    metadata.read(checkout / "setup.cfg", encoding="utf-8")
    wanted = metadata.get("options.extras_require", EXTRA, fallback="").split("\n")
    if not any(wanted):
        return make_flowrun(checkout)
    environment, versions = make_flowrun(checkout, extra=EXTRA)
    names = tuple(found[0] for line in wanted if (found := re.match(r"[\w.-]+", line)))
    of_extra = Environment(environment.name, (), names).versions()
    return environment, f"{versions}, {of_extra}"

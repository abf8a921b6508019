"""Whether flowrun's files are its own: another project's distribution is named `flowrun`."""

from __future__ import annotations

import re

import flowrun
from flowrun.errors import shown_path
from flowrun.plugins.distributions import OWN, installed_plugins, place_of
from flowrun.plugins.registry import ENTRY_POINT_GROUP

_OTHER = re.compile(r"flowrun(?![\w.-])", re.IGNORECASE)


def other_flowrun() -> str | None:
    """What is wrong if the other distribution is installed, or has replaced files; else None."""
    other = place_of("flowrun")
    if other is None and "hookimpl" in getattr(flowrun, "__all__", ()):
        return None
    reinstall = f"    python -m pip install --force-reinstall --no-deps {OWN}"
    if other is None:
        return (
            "files of flowrun are missing: another distribution has replaced or removed them; "
            f"install flowrun again\n{reinstall}"
        )
    version, folder = other
    lines = [
        f"another project's distribution `flowrun` {version} is installed in {shown_path(folder)}; "
        f"its files stand in the way of flowrun's own, which is {OWN}. Remove it, and install "
        "flowrun again, as files may be missing",
        "    python -m pip uninstall flowrun",
        reinstall,
        *(f"    {owner} asks for it: its `dependencies` should name {OWN}" for owner in _askers()),
    ]
    return "\n".join(lines)


def _askers() -> list[str]:
    """The distributions of plugins that require the other one."""
    return [
        plugin.owner
        for plugin in installed_plugins(ENTRY_POINT_GROUP)
        if any(_OTHER.match(text) for text in plugin.requires)
    ]

"""Whether an installed plugin fits this version of flowrun, by what its distribution requires."""

from __future__ import annotations

import re

from flowrun.errors import UnfitPluginError
from flowrun.plugins.distributions import OWN, InstalledPlugin, version_of

_OF_OWN = re.compile(r"flowrun[-_.]+recipes(?![\w.-])\s*(?:\[[^]]*\])?(.*)", re.IGNORECASE)
_BOUND = re.compile(r"(>=|<=|>|<)(\d+(?:\.\d+)*)")
_BOUNDS = re.compile(rf"(?:{_BOUND.pattern},?)*")
_RELEASE = re.compile(r"\d+(?:\.\d+)*")


def require_fit(plugin: InstalledPlugin) -> None:
    """Raise UnfitPluginError if a plugin's distribution requires another version of flowrun."""
    for text in plugin.requires:
        found = _OF_OWN.match(text)
        version = None if found is None else version_of(OWN)
        if found is None or version is None:  # if flowrun is on the path without being installed
            continue
        needed = found[1].partition(";")[0].strip("() ").replace(" ", "")
        if not _fits(text, needed, version):
            raise UnfitPluginError(
                f"the plugin `{plugin.point.name}` {plugin.version} (installed by {plugin.owner}) "
                f"is not loaded: it needs {OWN}{needed}, and this is {OWN} {version}\n"
                f"    python -m pip install '{OWN}{needed}', or another version of {plugin.owner}"
            )


def requirement(version: str) -> str:
    """What a plugin made for this version requires: a release that keeps what plugins rely on."""
    major, minor = version.split(".")[:2]
    return f"{OWN}>={major}.{minor},<{int(major) + 1}"


def _fits(text: str, bounds: str, version: str) -> bool:
    """Whether a version of flowrun fits a requirement, or needs not. bounds: what it says of it."""
    # `packaging` knows the whole standard, but takes a tenth of a start to import.
    if ";" not in text and _BOUNDS.fullmatch(bounds) and _RELEASE.fullmatch(version):
        return all(_holds(version, *bound) for bound in _BOUND.findall(bounds))
    from packaging.requirements import Requirement

    needed = Requirement(text)
    is_asked = needed.marker is None or needed.marker.evaluate({"extra": ""})
    return not is_asked or needed.specifier.contains(version, prereleases=True)


def _holds(version: str, comparison: str, bound: str) -> bool:
    found, limit = _release(version), _release(bound)
    if comparison.startswith(">"):
        return found > limit or (found == limit and comparison == ">=")
    return found < limit or (found == limit and comparison == "<=")


def _release(text: str) -> tuple[int, ...]:
    """A release as numbers, without zeros at its end: 1.0 is 1."""
    numbers = [int(part) for part in text.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)

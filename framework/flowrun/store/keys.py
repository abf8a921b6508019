"""A step's key: everything its result depends on, digested.

The parts are kept with the record, so that a changed key can be explained part by part.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from flowrun.store.code import Code
from flowrun.values.digests import parts_digest

BASE_LENGTH = 32  # digits of a key that are those of its base: 128 bits


class KeyParts(msgspec.Struct):
    """What a step's result depends on, as far as it is known before the step is called.

    plugin: name and version of the plugin that gives it. version: the step's own `version=`.
    code: digests of its modules, by name. packages: versions of those that the code imports.
    around: digests of the code that plugins wrap round each step, by plugin.
    options: the converted options. inputs: content digests, by parameter.
    device: the type alone. seed: where the step is random.
    """

    step: str
    plugin: str
    version: str
    code: dict[str, str]
    packages: dict[str, str]
    around: dict[str, str]
    options: dict[str, Any]
    inputs: dict[str, str]
    dtype: str
    device: str
    seed: int | None

    def digest(self) -> str:
        """The step's base key."""
        return parts_digest(self)


def code_parts(code: Code) -> tuple[dict[str, str], dict[str, str]]:
    """The digests of modules and the versions of packages, Python's own among them."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return code.modules, {"python": python, **code.packages}


def full_key(base: str, states: Mapping[str, str]) -> str:
    """The whole key: the base, and the states of what the step looked at while it ran.

    It begins with the first half of the base, so that the records of one base lie together.
    """
    return base[:BASE_LENGTH] + parts_digest(dict(states))[:BASE_LENGTH]

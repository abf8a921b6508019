"""What steps must not do to the values that they are given, since other steps take them as well."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from flowrun.errors import FlowrunError
from flowrun.running.dataflow import NAMED, Output
from flowrun.values.codecs import Codecs
from flowrun.values.digests import change_digest

_CONTAINERS = (dict, list, tuple, deque)


class Inputs:
    """The inputs of the steps of one run."""

    def __init__(self, codecs: Codecs) -> None:
        self._codecs = codecs
        self._emptied: list[Any] = []  # iterators that a step was given: they have nothing left
        self._mutable_types: dict[type, bool] = {}

    def hand_over(self, inputs: Mapping[str, Output]) -> None:
        """Raise FlowrunError if an input is an iterator that another step was given before.

        An open file is none: it can be read again from its beginning.
        """
        for name, output in inputs.items():
            value = output.value
            if not isinstance(value, Iterator) or isinstance(value, io.IOBase):
                continue
            if any(value is one for one in self._emptied):
                raise FlowrunError(
                    f"its input `{name.removeprefix(NAMED)}` is a {type(value).__qualname__}, "
                    "which a step before has used up: an iterator gives its items once\n"
                    "return a list of them from the step that makes it"
                )
            if self._codecs.codec(value) is None:
                self._emptied.append(value)

    def digests(self, inputs: Mapping[str, Output]) -> dict[str, str]:
        """The digests of those inputs that a step could change unnoticed, by name."""
        found = {}
        for name, output in inputs.items():
            if output.is_mutable is None:
                output.is_mutable = self._is_mutable(output.value)
            if output.is_mutable:
                digest = output.record.digest or change_digest(output.value, self._codecs)
                if digest is not None:
                    found[name] = digest
        return found

    def require_unchanged(self, digests: Mapping[str, str], inputs: Mapping[str, Output]) -> None:
        """Raise FlowrunError if one of these inputs is not as it was.

        The step may have changed the containers that it was given, as these are copies.
        """
        for name, digest in digests.items():
            value = inputs[name].value
            if change_digest(value, self._codecs) != digest:
                own = name.removeprefix(NAMED)
                is_copied_whole = isinstance(value, _CONTAINERS) or self._codecs.form(type(value))
                copy = f"copy.deepcopy({own})" if is_copied_whole else f"{own}.copy()"
                raise FlowrunError(
                    f"the step has changed its input `{own}` in place, which other steps may take "
                    f"as well\nwork on a copy: `{own} = {copy}`"
                )

    def _is_mutable(self, value: Any) -> bool:
        """Whether a value is, or has, one of a type that can be changed unnoticed."""
        waiting = [value]
        while waiting:
            one = waiting.pop()
            if self._is_of_mutable_type(one):
                return True
            if isinstance(one, _CONTAINERS):
                waiting.extend(one.values() if isinstance(one, dict) else one)
        return False

    def _is_of_mutable_type(self, value: Any) -> bool:
        kind = type(value)
        known = self._mutable_types.get(kind)
        if known is None:
            codec = self._codecs.codec(value)
            known = (codec is not None and codec.mutable) or (
                self._codecs.form(kind) is not None and not issubclass(kind, Enum)
            )
            self._mutable_types[kind] = known
        return known

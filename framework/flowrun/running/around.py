"""What acts around each step of a plan: backends, codecs, and plugins that alter what others use.

The key of a step covers each backend's code, that of the hook that makes it, and its attributes;
and the code of the codecs of local plugins, or the version of an installed plugin that gives some.
The step's record has all that was looked at while the backend was made, entered or left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from types import FunctionType
from typing import Any

import msgspec

from flowrun.plugins.registry import GivenBackend, Registry
from flowrun.running.backend import Backend
from flowrun.running.looking import note_kept, seen_by
from flowrun.store.changes import CODECS_OF
from flowrun.store.closure import Code
from flowrun.store.code import CodeIndex
from flowrun.store.live_code import live_code
from flowrun.store.live_values import LiveValues
from flowrun.values.codecs import Codecs
from flowrun.values.digests import parts_digest


class _ActingBackend(msgspec.Struct, frozen=True):
    """A backend that does something around a step. digest: of its code and its attributes."""

    given: GivenBackend
    code: Code
    digest: str


class Around:
    """All that acts around the steps of one plan, beside their own code."""

    def __init__(self, registry: Registry, index: CodeIndex, codecs: Codecs) -> None:
        self._registry = registry
        self._index = index
        self._codecs = codecs
        self._digests: dict[str, dict[str, str]] = {}

    def digests(self, plugin: str) -> dict[str, str]:
        """Digests of what may change the behaviour of a step, by plugin.

        plugin: the step's own, whose statements that act on import are part of the step's code.
        """
        if plugin not in self._digests:
            altering = self._altering.items()
            backends = {one.given.plugin: one.digest for one in self._backends}
            self._digests[plugin] = {**self.codecs, **backends} | {
                name: digest
                for name, (digest, is_called) in altering
                if is_called or name != plugin
            }
        return self._digests[plugin]

    @cached_property
    def codecs(self) -> dict[str, str]:
        """Digests of the codecs that local plugins give, versions of others that give some.

        A local plugin counts by the name of its module, which is the same from every folder.
        """
        found: dict[str, str] = {}
        for name, codecs in self._registry.given_codecs:
            plugin = self._registry.plugins.get(name)
            if plugin is None:  # a listener, which has no version
                continue
            if plugin.local is None:
                self._index.look_at(plugin.module)
                found[f"{CODECS_OF}{name}"] = plugin.version
            else:
                what = f"{CODECS_OF}{plugin.module.__name__}"
                _, digest = self._code_and_digest(codecs)
                found[what] = parts_digest([found.get(what), digest])
        return found

    def seen(self, written: Iterable[str]) -> dict[str, Any]:
        """What the backends looked at; not what they or the step wrote (`written`)."""
        found: dict[str, Any] = {}
        for one in self._backends:
            given = one.given
            left_out = (*written, *given.observation.written)
            found |= seen_by(one.code, given.local, given.observation, left_out, given.plugin)
        return found

    def remember(self) -> None:
        """Note the things that a backend may have left in its modules' variables and caches."""
        for one in self._backends:
            note_kept(one.given.local, one.given.observation, one.code.keeping)

    @cached_property
    def _backends(self) -> list[_ActingBackend]:
        return [
            self._acting(given)
            for given in reversed(self._registry.backends)
            if type(given.backend).around_step is not Backend.around_step
        ]

    def _acting(self, given: GivenBackend) -> _ActingBackend:
        functions = given.maker, type(given.backend).around_step
        code, digest = self._code_and_digest(given.backend, *functions)
        return _ActingBackend(given, code, digest)

    def _code_and_digest(self, given: Any, *functions: Callable[..., Any]) -> tuple[Code, str]:
        """The code that an object and some functions reach; its digest with the attributes."""
        code = Code()

        def reach(value: Any) -> None:
            for function in _functions(value):
                code.add(self._code_of(function))

        for function in functions:
            reach(function)
        attributes = LiveValues(self._codecs, reach).digest({"": given})
        return code, parts_digest([code.modules, code.packages, attributes])

    def _code_of(self, function: Callable[..., Any]) -> Code:
        code = self._index.of_function(function)
        return code if code.modules else live_code(function, self._index, self._codecs)

    @cached_property
    def _altering(self) -> dict[str, tuple[str, bool]]:
        """Digests of local plugins that may alter what others use, and whether when called."""
        found: dict[str, tuple[str, bool]] = {}
        for name, plugin in self._registry.plugins.items():
            if plugin.local is not None:
                patching = self._index.patches(plugin.module.__name__, plugin.local)
                if patching is not None:
                    code, is_called = patching
                    found[name] = (parts_digest([code.modules, code.packages]), is_called)
        return found


def _functions(value: Any) -> Sequence[Callable[..., Any]]:
    """A function; of a class one of its methods, which reaches all of it."""
    if not isinstance(value, type):
        return [value]
    return [one for one in vars(value).values() if isinstance(one, FunctionType)][:1]

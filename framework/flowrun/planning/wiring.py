"""Wiring: binds each step's inputs, by name, to the values that the steps above it give."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as AnyMapping
from typing import Any

import msgspec

from flowrun.errors import Mark, OptionError, Problem, contained, did_you_mean, listed
from flowrun.plugins.registry import Plugin
from flowrun.plugins.steps import Input, NamesOf, Step, is_value_name
from flowrun.recipes.document import StepEntry
from flowrun.recipes.reading import Mapping, Scalar, described, reach

_NAME = "letters, digits and `_`, and no word of Python such as True or lambda"


class Wires(msgspec.Struct, frozen=True):
    """How one step is wired.

    inputs: parameter name to the name of the value it takes (fixed inputs; optional ones without
        a value are left out, so the function uses its default).
    named: the same for inputs that depend on the options; None if the step has none.
    outputs: output name to the name under which it is published, in the step's order.
    """

    inputs: dict[str, str]
    named: dict[str, str] | None
    outputs: dict[str, str]


class Wiring:
    """The values available to each step, and the problems found while connecting."""

    def __init__(
        self,
        known: AnyMapping[str, list[tuple[Plugin, Step[..., Any]]]],
        problems: list[Problem],
        given: AnyMapping[str, object] | None = None,
    ) -> None:
        self.available = dict.fromkeys(given or {}, "")  # value name: id of the step that gave it
        self._given = list(self.available)
        self._taken: set[str] = set()
        self.is_uncertain = False  # an unplannable step may have given anything
        self._known = known  # every step by name, for the hint about a missing input
        self._problems = problems

    def give_unknown(self) -> None:
        """Note that a step could not be planned, so its outputs are unknown."""
        self.is_uncertain = True

    def unused(self, expected: set[str]) -> Iterator[Problem]:
        """Yield a problem for each given value that no step takes and no expectation checks."""
        for name in self._given:
            if name not in self._taken and name not in expected:
                taken = sorted(self._taken) or ["none"]
                yield Problem(
                    f"the value `{name}` is given, and no step takes it",
                    expected=f"one of the values that steps take: {listed(taken)}",
                    hint=did_you_mean(name, self._taken),
                )

    def connect(
        self, step: Step[..., Any], entry: StepEntry, options: types.SimpleNamespace | None
    ) -> Wires | None:
        """Bind one step's inputs and publish its outputs; None if there is a problem."""
        count = len(self._problems)
        wires = None
        if not self._options_fit(step, entry, options):
            self.give_unknown()
            return None
        dynamic = self._names_of(step, entry, step.inputs_of, options, "inputs")
        outputs = self._names_of(step, entry, step.outputs_of, options, "outputs")
        if dynamic is None or outputs is None:
            self.give_unknown()
        else:
            named = [Input(name.removesuffix("?"), not name.endswith("?")) for name in dynamic]
            inputs = self._bind(step, entry, [*step.inputs, *named])
            publish = self._publish(step, entry, [*step.outputs, *outputs])
            taken = {value.name for value in named}
            fixed = {value.name for value in step.inputs}
            wires = Wires(
                {name: source for name, source in inputs.items() if name in fixed},
                {name: source for name, source in inputs.items() if name in taken}
                if step.inputs_of is not None
                else None,
                publish,
            )
            self.available.update(dict.fromkeys(publish.values(), entry.id))
        return wires if len(self._problems) == count else None

    def _names_of(
        self,
        step: Step[..., Any],
        entry: StepEntry,
        names_of: NamesOf | None,
        options: types.SimpleNamespace | None,
        what: str,
    ) -> list[str] | None:
        """The names that follow from a step's options; None if they are not known."""
        if names_of is None:
            return []
        if options is None:
            return None
        try:
            with contained():
                names = [str(name) for name in names_of(options)]
        except Exception as error:
            about = f"{step.name} cannot derive its {what} from its options"
            self._report(error, step, entry, about)
            return None
        bad = [name for name in names if not is_value_name(name.removesuffix("?"))]
        twice = [name for name in set(names) if names.count(name) > 1]
        for name in (*bad, *twice):
            message = f"{step.name}: `{name}` " + (
                "is named twice" if name in twice else "is no name for a value"
            )
            self._problems.append(Problem(message, entry.mark, expected=f"{_NAME}, each name once"))
        return None if bad or twice else names

    def _options_fit(
        self, step: Step[..., Any], entry: StepEntry, options: types.SimpleNamespace | None
    ) -> bool:
        """Whether a step's options go together, by the step's own check."""
        if step.options_check is None or options is None:
            return True
        try:
            with contained():
                step.options_check(options)
        except Exception as error:
            self._report(error, step, entry, f"{step.name} cannot check its options")
            return False
        return True

    def _report(self, error: Exception, step: Step[..., Any], entry: StepEntry, what: str) -> None:
        """Report what a function of a step's options raised: each wrong option at its place."""
        wrong = error.exceptions if isinstance(error, ExceptionGroup) else [error]
        found = [_option_problem(one, entry) for one in wrong if isinstance(one, OptionError)]
        if len(found) < len(wrong):
            found = [Problem(f"{what}: {error}", entry.mark, hint=f"see {step.place}")]
        self._problems.extend(found)

    def _bind(self, step: Step[..., Any], entry: StepEntry, inputs: list[Input]) -> dict[str, str]:
        renames = self._renames(step, entry, "in", [value.name for value in inputs])
        bound = {}
        for value in inputs:
            source, mark, is_given = value.name, entry.mark, value.name in renames
            if is_given:
                renamed, mark = renames[value.name]
                if renamed is None:
                    if value.required:
                        message = f"{step.name} needs its input `{value.name}`"
                        self._problems.append(Problem(message, mark))
                    continue
                source = renamed
            if source in self.available:
                bound[value.name] = source
                self._taken.add(source)
            elif (value.required or is_given) and not self.is_uncertain:
                self._problems.append(self._missing(step, value.name, source, mark))
        return bound

    def _missing(self, step: Step[..., Any], name: str, source: str, mark: Mark) -> Problem:
        wanted = f"`{source}`" if source == name else f"`{source}` (for its input `{name}`)"
        hint = did_you_mean(source, self.available)
        if hint is None and (givers := self._givers(source)):
            shown = listed(f"`{giver}`" for giver in givers)
            hint = f"steps that give it: {shown}; put one above this step"
        elif hint is None:
            hint = f"to take a value of another name: `in: {{{name}: other_name}}`"
        return Problem(
            f"{step.name} needs {wanted}, and no step above it gives that",
            mark,
            expected=f"one of the values given so far: {listed(self.available)}",
            hint=hint,
        )

    def _givers(self, source: str) -> list[str]:
        """The registered steps that give a value of this name."""
        return sorted(
            name
            for name, found in self._known.items()
            if any(source in step.usual_outputs for _, step in found)
        )

    def _publish(
        self, step: Step[..., Any], entry: StepEntry, outputs: list[str]
    ) -> dict[str, str]:
        renames = self._renames(step, entry, "out", outputs)
        published: dict[str, str] = {}
        for name in outputs:
            target, mark = renames.get(name, (name, entry.mark))
            if target is None:
                message = f"the output `{name}` of {step.name} needs a name"
                self._problems.append(Problem(message, mark))
            elif target in published.values():
                message = f"{step.name} would give two outputs the name `{target}`"
                hint = "give one of the two another name, or let one have its own name"
                self._problems.append(Problem(message, mark, hint=hint))
            else:
                published[name] = target
        return published

    def _renames(
        self, step: Step[..., Any], entry: StepEntry, key: str, known: Iterable[str]
    ) -> dict[str, tuple[str | None, Mark]]:
        """The `in:` or `out:` of a step: the step's name to the recipe's name (None for null)."""
        if key not in entry.beside:
            return {}
        known = list(known)
        node = entry.beside[key].value
        what = "input" if key == "in" else "output"
        if not isinstance(node, Mapping):
            expected = f"`{{{next(iter(known), what)}: name in the recipe}}`"
            self._problems.append(
                Problem(f"`{key}` is a mapping", node.mark, described(node), expected)
            )
            return {}
        renames: dict[str, tuple[str | None, Mark]] = {}
        for name, item in node:
            value = item.value.value if isinstance(item.value, Scalar) else False
            if name not in known:
                self._problems.append(
                    Problem(
                        f"{step.name} has no {what} `{name}`",
                        item.key.mark,
                        expected=f"one of: {listed(known)}",
                        hint=did_you_mean(name, known),
                    )
                )
            elif value is not None and not (isinstance(value, str) and is_value_name(value)):
                self._problems.append(
                    Problem(
                        f"`{key}` gives `{name}` no usable name",
                        item.value.mark,
                        described(item.value),
                        _NAME,
                    )
                )
            else:
                renames[name] = (value, item.value.mark)
        return renames


def _option_problem(error: OptionError, entry: StepEntry) -> Problem:
    """The problem of an option, at its place in the recipe, to the character if known."""
    node = reach(entry.options, error.option) if entry.options is not None else None
    mark = entry.mark if node is None else node.mark
    if isinstance(node, Scalar) and error.offset is not None and "\n" not in node.text:
        mark = mark.shifted(error.offset + (1 if node.quoted else 0))
    return Problem(f"{entry.name}: {error.message}", mark, hint=error.hint)

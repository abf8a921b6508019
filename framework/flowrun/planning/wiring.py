"""Wiring: binds each step's inputs, by name, to the values that the steps above it give."""

from __future__ import annotations

import re
import types
from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as AnyMapping
from functools import cached_property
from typing import Any

import msgspec

from flowrun.errors import Lines, Mark, OptionError, Problem, contained, did_you_mean, listed
from flowrun.planning.missing import Missing, Published, settle
from flowrun.plugins.observation.observing import observed
from flowrun.plugins.observation.record import Observation
from flowrun.plugins.registry import Plugin
from flowrun.plugins.steps import Input, NamesOf, Step, is_value_name
from flowrun.recipes.reading import Mapping, Scalar, Sequence, described, reach
from flowrun.recipes.step_entry import StepEntry

_WORD = re.compile(r"\w+")
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

    @property
    def taken(self) -> list[str]:
        """The names of the values that the step takes."""
        return [*self.inputs.values(), *(self.named or {}).values()]


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
        self.skipped: dict[str, str] = {}  # value name: id of the skipped step that would give it
        self.skips_unknown = False  # a skipped step may give values of any name
        self.looked_at = Observation()  # what functions of options look at
        self.is_uncertain = False  # an unplannable step may have given anything
        self._known = known  # every step by name, for the hint about a missing input
        self._problems = problems
        self._naming: list[str] = []  # ids of the steps whose options name their outputs
        self._published: list[Published] = []
        self._unmet: list[Missing] = []

    def give_unknown(self) -> None:
        """Note that a step could not be planned, so its outputs are unknown."""
        self.is_uncertain = True

    def skip(
        self, step: Step[..., Any], entry: StepEntry, options: types.SimpleNamespace | None
    ) -> None:
        """Note the names that a skipped step would give, as far as they are known."""
        count = len(self._problems)
        outputs = self._names_of(step, entry, step.outputs_of, options, "outputs")
        if step.outputs_of is not None:
            self._naming.append(entry.id)
        given = self._publish(step, entry, [*step.outputs, *(outputs or [])])
        self.skips_unknown |= outputs is None
        del self._problems[count:]  # it does not run, so nothing of it can be wrong
        self.skipped.update(dict.fromkeys(given.values(), entry.id))

    @property
    def lacks_input(self) -> bool:
        """Whether a step needs a value that no step above it gives."""
        return bool(self._unmet)

    def settle(self, reason: str | None) -> None:
        """Say of missing inputs which steps further down give them, once all are connected.

        reason: why they are missing, if it is known.
        """
        settle(self._unmet, self._published, self._problems, reason)

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
            self._published.append(Published(entry, tuple(publish.values())))
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
            with contained(), observed(self.looked_at):
                names = [str(name) for name in names_of(options)]
        except Exception as error:
            about = f"{step.name} cannot derive its {what} from its options"
            self._report(error, step, entry, about)
            return None
        plain = [name.removesuffix("?") if what == "inputs" else name for name in names]
        bad = [name for name in plain if not is_value_name(name)]
        twice = [name for name, count in Counter(names).items() if count > 1]
        for name in (*bad, *twice):
            message = f"{step.name}: `{name}` " + (
                "is named twice" if name in twice else "is no name for a value"
            )
            mark = _key_mark(entry, name) or entry.mark
            self._problems.append(Problem(message, mark, expected=f"{_NAME}, each name once"))
        return None if bad or twice else names

    def _options_fit(
        self, step: Step[..., Any], entry: StepEntry, options: types.SimpleNamespace | None
    ) -> bool:
        """Whether a step's options go together, by the step's own check."""
        if step.options_check is None or options is None:
            return True
        try:
            with contained(), observed(self.looked_at):
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
        marks: dict[str, Mark] = {}
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
                if not is_given and isinstance(entry.options, Sequence):
                    marks = marks or _marks_in(entry.options)
                    mark = marks.get(source, mark)
                self._miss(step, entry, value.name, source, mark)
        return bound

    def _miss(
        self, step: Step[..., Any], entry: StepEntry, name: str, source: str, mark: Mark
    ) -> None:
        """Report an input that no step above gives."""
        wanted = f"`{source}`" if source == name else f"`{source}` (for its input `{name}`)"
        expected = f"one of the values given so far: {listed(self.available)}"
        if source in self.skipped:
            skipped = self.skipped[source]
            message = f"{step.name} needs {wanted}, which only the skipped step `{skipped}` gives"
            hint = f"run `{skipped}`, or skip this step as well"
            self._problems.append(Problem(message, mark, expected=expected, hint=hint))
            return
        message = f"{step.name} needs {wanted}, and no step above it gives that"
        problem = Problem(message, mark, expected=expected, hint=self._giving(step, name, source))
        self._problems.append(problem)
        above = len(self._published)
        self._unmet.append(Missing(problem, entry, step.name, above, source, wanted))

    def _giving(self, step: Step[..., Any], name: str, source: str) -> str:
        """How to get a value that no step above gives, as far as the steps above tell."""
        hint = did_you_mean(source, self.available)
        if self.skips_unknown:
            hint = "a skipped step may give it"
        elif hint is None and (givers := self._givers(source, step)):
            shown = listed(f"`{giver}`" for giver in givers)
            hint = f"steps that give it: {shown}; put one above this step"
            if self._naming:
                above = listed(f"`{naming}`" for naming in self._naming)
                further = f"or name it in the options of a step above that can give it: {above}"
                hint = Lines(f"{hint}\n{further}")
        elif hint is None:
            hint = f"to take a value of another name: `in: {{{name}: other_name}}`"
        return hint

    def _givers(self, source: str, taker: Step[..., Any]) -> list[str]:
        """The registered steps that give a value of this name, but for the one that takes it."""
        found = self._by_output.get(source, [])
        return [name for name in found if all(step is not taker for _, step in self._known[name])]

    @cached_property
    def _by_output(self) -> dict[str, list[str]]:
        """The registered steps that give a value, by its name; thousands may be missing."""
        steps: dict[str, list[str]] = {}
        for name, found in sorted(self._known.items()):
            for output in {output for _, step in found for output in step.usual_outputs}:
                steps.setdefault(output, []).append(name)
        return steps

    def _publish(
        self, step: Step[..., Any], entry: StepEntry, outputs: list[str]
    ) -> dict[str, str]:
        renames = self._renames(step, entry, "out", outputs)
        published: dict[str, str] = {}
        targets: set[str] = set()
        for name in outputs:
            target, mark = renames.get(name, (name, entry.mark))
            if target is None:
                message = f"the output `{name}` of {step.name} needs a name"
                self._problems.append(Problem(message, mark))
            elif target in targets:
                message = f"{step.name} would give two outputs the name `{target}`"
                hint = "give one of the two another name, or let one have its own name"
                self._problems.append(Problem(message, mark, hint=hint))
            else:
                published[name] = target
                targets.add(target)
        return published

    def _renames(
        self, step: Step[..., Any], entry: StepEntry, key: str, known: Iterable[str]
    ) -> dict[str, tuple[str | None, Mark]]:
        """The `in:` or `out:` of a step: the step's name to the recipe's name (None for null)."""
        if key not in entry.beside:
            return {}
        known = dict.fromkeys(known)
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


def _key_mark(entry: StepEntry, name: str) -> Mark | None:
    """The place of an option of any name."""
    given = entry.options.entries if isinstance(entry.options, Mapping) else {}
    return given[name].key.mark if name in given else None


def _marks_in(texts: Sequence) -> dict[str, Mark]:
    """The place of the first text in a list that has a name, by each name."""
    marks: dict[str, Mark] = {}
    for item in texts.items:
        if isinstance(item, Scalar):
            for found in _WORD.finditer(item.text):
                marks.setdefault(found.group(), item.mark_at(found.start()))
    return marks


def _option_problem(error: OptionError, entry: StepEntry) -> Problem:
    """The problem of an option, at its place in the recipe, to the character if known."""
    mark = option_mark(error, entry)
    return Problem(f"{entry.name}: {error.message}", mark, hint=error.hint)


def option_mark(error: OptionError, entry: StepEntry) -> Mark:
    """The place of the option that an error names; the step's if the recipe does not give it."""
    node = None if entry.options is None else reach(entry.options, error.option)
    if isinstance(node, Sequence) and node is entry.options:
        own = (item for item in node.items if isinstance(item, Scalar))
        node = next((item for item in own if (item.text,) == error.option), node)
    mark = entry.mark if node is None else node.mark
    if isinstance(node, Scalar) and error.offset is not None:
        return node.mark_at(error.offset)
    return mark

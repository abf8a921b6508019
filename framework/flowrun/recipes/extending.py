"""`extends`: the steps of a recipe merged with those of the recipe that it changes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from msgspec.structs import replace

from flowrun.errors import Problem, did_you_mean, listed
from flowrun.recipes.keys import PLACING_KEYS
from flowrun.recipes.reading import Entry, Scalar, described
from flowrun.recipes.step_entry import StepEntry


def merged_steps(
    parent: Sequence[StepEntry],
    own: Sequence[StepEntry],
    removed: Sequence[Scalar],
    problems: list[Problem],
) -> list[StepEntry]:
    """The steps of a recipe and of the one that it extends.

    A step with the id of one of the parent's takes its place. Other steps are added at the end, or
    beside the step that their `after` or `before` names. removed: ids of steps to leave out.
    """
    names = {step.id: step.name for step in parent}
    gone = {scalar.text for scalar in removed}
    problems += [_not_there(scalar, names) for scalar in removed if scalar.text not in names]
    problems += [_removed_and_given(step) for step in own if step.id in gone]
    own = [replace(step, replaces=names.get(step.id, "")) for step in own]
    placed = {step.id: place for step in own if (place := _place(step, problems))}
    known = dict.fromkeys([*(one for one in names if one not in gone), *(one.id for one in own)])
    for place in list(placed.values()):
        if place.value.text not in known:
            problems.append(_no_anchor(place, known, gone))
    given = {step.id: step for step in own if step.id not in placed}
    moved = {*gone, *placed}
    base = [given.pop(step.id, step) for step in parent if step.id not in moved]
    return _with_placed([*base, *given.values()], own, placed, problems)


class _Place:
    """The step beside which another is put: its id, and whether it stands after that."""

    def __init__(self, key: str, value: Scalar) -> None:
        self.is_after = key == "after"
        self.key = key
        self.value = value


def _place(step: StepEntry, problems: list[Problem]) -> _Place | None:
    given = [(key, step.beside[key].value) for key in PLACING_KEYS if key in step.beside]
    if len(given) > 1:
        message = f"`{step.id}` has both `after` and `before`"
        problems.append(
            Problem(message, step.beside["before"].key.mark, hint="keep one of the two")
        )
    for key, value in given:
        if isinstance(value, Scalar) and isinstance(value.value, str):
            return _Place(key, value)
        expected = "the id of one step"
        problems.append(Problem(f"`{key}` names one step", value.mark, described(value), expected))
    return None


def _with_placed(
    base: list[StepEntry],
    own: list[StepEntry],
    placed: dict[str, _Place],
    problems: list[Problem],
) -> list[StepEntry]:
    """The steps of `base` with each placed step beside its own, those of one place in order."""
    beside: dict[tuple[str, bool], list[StepEntry]] = {}
    for step in own:
        if place := placed.get(step.id):
            beside.setdefault((place.value.text, place.is_after), []).append(_unplaced(step))

    found = [one for step in base for one in _around(step, beside)]
    ids = {step.id for step in found}
    if not problems:
        for step in own:
            if step.id not in ids:
                message = f"the place of `{step.id}` leads in a circle"
                problems.append(Problem(message, placed[step.id].value.mark))
                break
    return found


def _around(
    step: StepEntry, beside: dict[tuple[str, bool], list[StepEntry]]
) -> Iterator[StepEntry]:
    """Yield a step with those beside it, and beside these; each is taken out of `beside`.

    Without recursion: thousands may be in a chain.
    """
    waiting = [(step, False)]
    while waiting:
        one, has_its_place = waiting.pop()
        if has_its_place:
            yield one
            continue
        before, after = (beside.pop((one.id, is_after), []) for is_after in (False, True))
        waiting += [(other, False) for other in reversed(after)]
        waiting.append((one, True))
        waiting += [(other, False) for other in reversed(before)]


def _unplaced(step: StepEntry) -> StepEntry:
    beside = {key: entry for key, entry in step.beside.items() if key not in PLACING_KEYS}
    return replace(step, beside=beside)


def refuse_places(
    steps: Sequence[StepEntry], remove: Entry | None, problems: list[Problem]
) -> None:
    """Refuse `remove`, `after` and `before` in a recipe that extends none."""
    entries = [step.beside[key] for step in steps for key in PLACING_KEYS if key in step.beside]
    for entry in [*([] if remove is None else [remove]), *entries]:
        message = f"`{entry.key.text}` belongs to a recipe with `extends`"
        hint = "delete the step itself" if entry is remove else "steps run in the order of the list"
        problems.append(Problem(message, entry.key.mark, hint=hint))


def _not_there(scalar: Scalar, names: dict[str, str]) -> Problem:
    return Problem(
        f"there is no step `{scalar.text}` to remove",
        scalar.mark,
        expected=f"the id of a step of the recipe that this one extends: {listed(names)}",
        hint=did_you_mean(scalar.text, names),
    )


def _removed_and_given(step: StepEntry) -> Problem:
    message = f"the step `{step.id}` is removed, and given here as well"
    hint = "a step with the id of another takes its place: leave it out of `remove`"
    return Problem(message, step.mark, hint=hint)


def _no_anchor(place: _Place, known: Collection[str], gone: set[str]) -> Problem:
    name = place.value.text
    if name in gone:
        message = f"`{place.key}` names the step `{name}`, which is removed"
    else:
        message = f"`{place.key}` names no step of the recipe"
    expected = f"the id of a step: {listed(known)}"
    hint = did_you_mean(name, known)
    return Problem(message, place.value.mark, f"`{name}`", expected, hint)

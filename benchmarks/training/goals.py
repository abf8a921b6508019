"""What flowrun is to reach, held against what was found in the same run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.timing import Spread
from benchmarks.training.contest import Entry
from benchmarks.training.roster import ARTICLE, AUTO, FUSED_TORCH, JAX, PASS, taking_part
from benchmarks.training.whole_process import FLOWRUN, IMPORT

HEADS = ("goal", "found", "verdict")
LINEAR_TIMES = 300
NETWORK_TIMES = 6
PASS_TIMES = 1.5
IMPORT_TIMES = 1.25


def quotient(one: Sequence[float], other: Sequence[float]) -> Spread:
    """One by the other, round by round: what slows a round down is in both."""
    return Spread.of(above / below for above, below in zip(one, other, strict=True))


class Found:
    """The entries of a run on the CPU, by case and contender."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = {
            (entry.case.name, entry.contender.name): entry
            for entry in entries
            if entry.device == "cpu"
        }

    def ratio(self, case: str, one: str, other: str) -> Spread | str:
        """The time of one by that of another, or why there is none."""
        times = []
        for name in (one, other):
            entry = self._entries.get((case, name))
            if entry is None:
                return f"not measured in this run: {name}"
            if entry.problem:
                why = "it failed" if entry.is_mistake else entry.problem
                return f"not measured: {name}: {why}"
            if entry.is_elsewhere and entry.contender.kind == "flowrun":
                return f"NOT MET: {name} ends elsewhere"
            times.append(entry.seconds)
        return quotient(*times)


def rows(entries: Sequence[Entry], processes: Mapping[str, Sequence[float]]) -> list[list[str]]:
    """The table of goals."""
    found = Found(entries)
    loop = found.ratio("linear-1e3", ARTICLE, AUTO)
    torch_alone = found.ratio("network-1e3", ARTICLE, FUSED_TORCH)
    network = found.ratio("network-1e3", ARTICLE, AUTO)
    single_pass = found.ratio("linear-1e6", AUTO, PASS)
    process: Spread | str = "not measured in this run"
    if FLOWRUN in processes and IMPORT in processes:
        process = quotient(processes[FLOWRUN], processes[IMPORT])
    return [
        _row(f"linear-1e3: {AUTO} at least {LINEAR_TIMES} times the article's loop",
             loop, at_least=LINEAR_TIMES),
        _ahead_of_all(found, "linear-1e3"),
        _row(f"network-1e3: {FUSED_TORCH} at least {NETWORK_TIMES} times the article's loop",
             torch_alone, at_least=NETWORK_TIMES),
        _fastest_ahead(found, "network-1e3", JAX),
        [f"network-1e3: {AUTO} in times the article's loop", _text(network), "no goal"],
        _row(f"linear-1e6: {AUTO} at most {PASS_TIMES} times one float64 pass",
             single_pass, at_most=PASS_TIMES),
        _row(f"whole process: `{FLOWRUN}` at most {IMPORT_TIMES} times `{IMPORT}`",
             process, at_most=IMPORT_TIMES),
    ]  # fmt: skip


def _ahead_of_all(found: Found, case: str) -> list[str]:
    """The goal to be faster than each of the rivals; those without a figure are named."""
    goal = f"{case}: {AUTO} ahead of every rival (the fastest one's time by its own above 1)"
    every = [one.name for one in taking_part(case, None) if one.kind in ("article", "rival")]
    ratios = {name: found.ratio(case, name, AUTO) for name in every}
    measured = {name: one for name, one in ratios.items() if isinstance(one, Spread)}
    if not measured:
        return _row(goal, ratios[ARTICLE])
    nearest = min(measured, key=lambda name: measured[name].median)
    line = _row(goal, measured[nearest], at_least=1)
    line[1] += f", {nearest}"
    missing = [name for name in every if name not in measured]
    if missing:
        line[2] += f"; without {', '.join(missing)}"
    return line


def _fastest_ahead(found: Found, case: str, rival: str) -> list[str]:
    """The goal that the fastest of flowrun's engines, which is named, is ahead of a rival."""
    goal = f"{case}: flowrun's fastest engine ahead of {rival} ({rival}'s time by its own above 1)"
    own = [one.name for one in taking_part(case, None) if one.kind == "flowrun"]
    ratios = {name: found.ratio(case, rival, name) for name in own}
    measured = {name: one for name, one in ratios.items() if isinstance(one, Spread)}
    if not measured:
        return _row(goal, ratios[AUTO])
    fastest = max(measured, key=lambda name: measured[name].median)
    line = _row(goal, measured[fastest], at_least=1)
    line[1] += f", {fastest}"
    return line


def _row(
    goal: str, ratio: Spread | str, *, at_least: float | None = None, at_most: float | None = None
) -> list[str]:
    """A goal for the median; text in the place of a ratio is the verdict itself."""
    if isinstance(ratio, str):
        return [goal, "", ratio]
    is_met = (at_least is None or ratio.median >= at_least) and (
        at_most is None or ratio.median <= at_most
    )
    return [goal, _text(ratio), "met" if is_met else "NOT MET"]


def _text(ratio: Spread | str) -> str:
    return ratio if isinstance(ratio, str) else figures(ratio)


def figures(spread: Spread, scale: float = 1) -> str:
    """Median, minimum and maximum, the median with about three significant digits."""
    limits = (100, 10, 1, 0.1)
    return spread.text(sum(scale * spread.median < limit for limit in limits), scale)

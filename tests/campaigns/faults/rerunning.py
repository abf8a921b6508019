"""What must hold of a run after a fault, and of the same command run once more."""

from __future__ import annotations

from typing import Any

from tests.campaigns.faults.injecting import Call
from tests.campaigns.faults.undisturbed import Undisturbed
from tests.campaigns.faults.worlds import World


def what_is_wrong_after(world: World, undisturbed: Undisturbed) -> list[str]:
    """Run the same command to its end, and tell what is not as it must be; nothing, if all is.

    The result and the record are the same bits, what was recorded before is kept and not computed
    again, nothing is complained of, and no file is left behind.
    """
    before = world.makers()
    done = world.run()
    if done.code or done.err:
        return [f"the rerun ended with {done.code}: {done.err}"]
    wrong = []
    outcome = world.outcome()
    if outcome.saved != undisturbed.outcome.saved:
        wrong.append("other files are saved")
    wrong += _differences(undisturbed.outcome.record, outcome.record, "the record")
    after = world.makers()
    lost = [key for key, run in before.items() if after.get(key) != run]
    if lost:
        wrong.append(f"records are lost: {lost}")
    left = world.leftovers()
    if left:
        wrong.append(f"files are left: {left}")
    return wrong


def _differences(before: Any, now: Any, where: str) -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        names = {**before, **now}
        both = [(before.get(name), now.get(name), f"{where}.{name}") for name in names]
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        both = [(*pair, f"{where}[{i}]") for i, pair in enumerate(zip(before, now, strict=True))]
    else:
        return [] if before == now else [f"{where} was {before!r}, is {now!r}"]
    return [one for each in both for one in _differences(*each)]


def report(wrong: dict[Call, list[str]]) -> str:
    """What is wrong, by the call at which the fault was."""
    lines = [f"{call}\n    " + "\n    ".join(found) for call, found in wrong.items()]
    return "\n".join(lines)

"""What must hold of a run after a fault, and of the same command run once more."""

from __future__ import annotations

from flowrun.values.codecs import Codecs
from flowrun.values.differences import differences, path_text
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
    before_and_now = (undisturbed.outcome.record, outcome.record)
    wrong += [
        f"it differs: {path_text('record', found.path)}: {found.text}"
        for found in differences(*before_and_now, Codecs({}, "float32"))
    ]
    after = world.makers()
    lost = [key for key, run in before.items() if after.get(key) != run]
    if lost:
        wrong.append(f"records are lost: {lost}")
    left = world.leftovers()
    if left:
        wrong.append(f"files are left: {left}")
    return wrong


def report(wrong: dict[Call, list[str]]) -> str:
    """What is wrong, by the call at which the fault was."""
    lines = [f"{call}\n    " + "\n    ".join(found) for call, found in wrong.items()]
    return "\n".join(lines)

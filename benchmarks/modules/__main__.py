"""`python -m benchmarks.modules`: time gd_train on the CNN of recipes/digits_cnn.yaml."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from recipes.digits_cnn import digits_cnn

import flowrun
from benchmarks.tables import bullets, progress, publish, table
from benchmarks.timing import Spread, interleaved, machine

RECIPE = Path(__file__).parents[2] / "recipes" / "digits_cnn.yaml"
EPOCHS, GOAL = 20, 1.05
CHANGES = {"gd_train.epochs": EPOCHS, "gd_train.patience": None}
HEADS = ("rounds", "recipe, s", "plain loop, s", "recipe / plain", "goal")
ABOUT = f"""\
# Training of a torch.nn.Module

Seconds of the step `gd_train` of recipes/digits_cnn.yaml ({EPOCHS} epochs, without patience) as its
record has them, and of the same updates written by hand, in one process and in turns: median
(minimum to maximum). The ratio is taken round by round. Both end with equal parameters."""


@dataclass(frozen=True)
class Pair:
    """The seconds of the recipe's step, and right after it of the plain loop."""

    recipe: float
    plain: float


def pair() -> Pair:
    """One round; raises ValueError if the two end with other parameters."""
    result = flowrun.run(RECIPE, set=CHANGES, until="gd_train", record=False, progress=False)
    (step,) = (one for one in result.record["steps"] if one["id"] == "gd_train")
    seeds = {one.id: one.seed for one in flowrun.plan(RECIPE).steps}
    X, y = result.values["X_train"], result.values["y_train"].flatten()
    torch.manual_seed(seeds["init_params"])
    net = digits_cnn((1, 8, 8), 10, width=8, dropout=0.3)
    before = time.perf_counter()
    train(net, X, y, seeds["gd_train"])
    seconds = time.perf_counter() - before
    for name, value in net.state_dict().items():
        if not torch.equal(value, result.values["params"][name]):
            raise ValueError(f"{name} differs")
    return Pair(float(step["seconds"]), seconds)


def train(net: torch.nn.Module, X: torch.Tensor, y: torch.Tensor, seed: int) -> torch.Tensor:
    """The loop that one writes by hand; gives the losses."""
    torch.manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    losses = []
    net.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(X)).split(64):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(X[rows]), y[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        scheduler.step()
    return torch.stack(losses)


def main() -> int:
    """Measure in turns, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.modules", description=__doc__)
    parser.add_argument("--pairs", type=int, default=20, help="counted rounds (20)")
    parser.add_argument("--out", type=Path, help="a file for the table as well")
    given = parser.parse_args()
    if given.pairs < 1:
        parser.error("--pairs is 1 or more")
    facts = machine()
    interleaved({"digits_cnn": pair}, 1, lambda text: progress(f"warm-up, {text}"))
    pairs = interleaved({"digits_cnn": pair}, given.pairs, progress)["digits_cnn"]
    ratio = Spread.of(one.recipe / one.plain for one in pairs)
    row = [
        str(len(pairs)),
        Spread.of(one.recipe for one in pairs).text(),
        Spread.of(one.plain for one in pairs).text(),
        ratio.text(digits=2),
        f"at most {GOAL:g}: {'met' if ratio.median <= GOAL else 'NOT MET'}",
    ]
    facts = {"torch": f"{torch.__version__}, {torch.get_num_threads()} threads", **facts}
    publish("\n\n".join([ABOUT, table(HEADS, [row]), bullets(facts)]), given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The cases: which data, network and steps. Imports nothing that has to be installed."""

from __future__ import annotations

from dataclasses import dataclass

COLUMNS = 11
LR = 0.01


@dataclass(frozen=True)
class Case:
    """One training: `rows` of 11 measurements, one target, full-batch descent on squared error.

    hidden: units of the hidden layer, None for a linear model. scale: factor on the first
    parameters. tolerance: by how much of the reference's largest parameter, and of each loss, a
    contender may differ. few: steps in which a tool that walks is timed, None for all of them.
    """

    name: str
    title: str
    rows: int
    hidden: int | None = None
    steps: int = 1000
    scale: float = 1.0
    tolerance: float = 1e-4
    few: int | None = None

    @property
    def family(self) -> str:
        """`linear` or `network`."""
        return "linear" if self.hidden is None else "network"

    def steps_of(self, walks: bool) -> int:
        """The steps that a contender is timed in."""
        return self.few if walks and self.few else self.steps


CASES: dict[str, Case] = {
    case.name: case
    for case in (
        Case("linear-1e3", "Linear model, 1000 x 11", 1000),
        Case("network-1e3", "Network 11-64-1 with relu", 1000, 64, scale=0.1, tolerance=2e-4),
        Case("linear-1e4", "Linear model, 10,000 x 11", 10_000),
        Case("linear-1e6", "Linear model, 1,000,000 x 11", 1_000_000, few=20),
        Case("linear-1e7", "Linear model, 10,000,000 x 11", 10_000_000, tolerance=1e-3, few=10),
    )
}
# The wine data has so many rows that 1000 can be trained on.
WINE_ROWS = 1000

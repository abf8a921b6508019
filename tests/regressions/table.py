"""Every regression that is planted."""

from __future__ import annotations

from tests.regressions.data import DATA
from tests.regressions.draws import DRAWS
from tests.regressions.fused import FUSED
from tests.regressions.linear import LINEAR
from tests.regressions.loop import LOOP
from tests.regressions.scores import SCORES
from tests.regressions.values import VALUES

REGRESSIONS = (*DATA, *DRAWS, *LINEAR, *FUSED, *LOOP, *SCORES, *VALUES)

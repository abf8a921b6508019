"""Every regression that is planted."""

from __future__ import annotations

from tests.campaigns.mutants.data import DATA
from tests.campaigns.mutants.draws import DRAWS
from tests.campaigns.mutants.fused import FUSED
from tests.campaigns.mutants.linear import LINEAR
from tests.campaigns.mutants.loop import LOOP
from tests.campaigns.mutants.scores import SCORES
from tests.campaigns.mutants.values import VALUES

REGRESSIONS = (*DATA, *DRAWS, *LINEAR, *FUSED, *LOOP, *SCORES, *VALUES)

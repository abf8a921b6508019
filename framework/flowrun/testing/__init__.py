"""For the tests of steps: `run_step` calls one as a recipe would, `check_step` tries the rules.

docs/testing-steps.md shows both.
"""

from flowrun.testing.battery import check_step as check_step
from flowrun.testing.battery import examine_step as examine_step
from flowrun.testing.findings import RULES as RULES
from flowrun.testing.findings import BrokenRulesError as BrokenRulesError
from flowrun.testing.findings import Examination as Examination
from flowrun.testing.findings import RuleFinding as RuleFinding
from flowrun.testing.running import Outputs as Outputs
from flowrun.testing.running import run_step as run_step

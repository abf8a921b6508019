from .steps.battery import check_step as check_step
from .steps.battery import examine_step as examine_step
from .steps.findings import RULES as RULES
from .steps.findings import BrokenRulesError as BrokenRulesError
from .steps.findings import Examination as Examination
from .steps.findings import RuleFinding as RuleFinding
from .steps.running import Outputs as Outputs
from .steps.running import run_step as run_step

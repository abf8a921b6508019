from .steps.battery import check_step as check_step
from .steps.battery import examine_step as examine_step
from .steps.examination import RULES as RULES
from .steps.examination import BrokenRulesError as BrokenRulesError
from .steps.examination import Examination as Examination
from .steps.running import Outputs as Outputs
from .steps.running import run_step as run_step

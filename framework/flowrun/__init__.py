"""flowrun: tensor experiments written as YAML recipes, chained from small registered steps."""

import lazy_loader

# The public names stand in __init__.pyi and are imported at their first use, so that a plugin
# that needs `step` alone, or a command that needs the planner alone, loads no more than that.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

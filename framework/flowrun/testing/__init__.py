"""Tests of steps and of recipes.

`run_step` calls one step as a recipe would, and `check_step` checks it against the rules that
recipes rely on (`steps/`); recipes become tests of pytest (`recipes/`). Read first:
`steps/battery.py`, `recipes/collecting.py`, `recipes/recipe_run.py`.
"""

import lazy_loader

# Every start of pytest imports this package, so the public names, which stand in __init__.pyi, are
# imported at their first use.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""`flowrun export`: a recipe as the script that a person would write, which needs no flowrun.

A plan comes in; a script comes out, and the files that must lie beside it. Each built-in step has a
short form, a function from its options and wires to lines. Read `exported` first, then `script`,
and one file of short forms: `tables`, `training`, `files` or `tensors`.
"""

import lazy_loader

# The command line loads `command` each time it starts; the rest is loaded when it is used.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"exported": ["Exported", "export_plan"]}
)

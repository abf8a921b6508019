"""`flowrun export`: a recipe as one plain Python script that needs no flowrun.

The steps' real sources are taken apart with `ast`: what a step names, through imports and across
modules, goes into the script, and nothing else does.
"""

import lazy_loader

# The command line loads `command` each time it starts; the rest is loaded when it is used.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"exported": ["export_script"]}
)

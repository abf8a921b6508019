"""What plugins give: steps, formats, data sets, backends; how plugins are found and loaded.

In: entry points, `.py` files, module names. Out: a `Registry` of all that they give. Read first:
`steps.py` (`@step`), `registry.py`, `extensions.py`.
"""

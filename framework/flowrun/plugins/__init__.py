"""What plugins give: steps, file formats, data sets, models; and how plugins are found and loaded.

In: entry points, `.py` files, module names. Out: a `Registry` of all that they give. Read first:
`steps.py` (`@step`), `registry.py`, `extensions.py`.
"""

"""Recipes as tests of pytest: each expectation of a recipe becomes a test.

In: YAML files that pytest collects and the options of `flowrun test`. Out: passed, failed and
skipped tests, and updated golden files. Read first: `plugin.py`, `collecting.py`, `recipe_run.py`.
"""

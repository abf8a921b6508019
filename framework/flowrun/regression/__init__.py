"""Recipes as regression tests: the pytest plugin, and what `flowrun test` adds to it."""

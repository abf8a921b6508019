"""Measurements of flowrun beside other tools; no part of the package that is installed."""

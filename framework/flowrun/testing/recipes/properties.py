"""The names of properties that a recipe's tests pass to pytest's reports."""

GOLDEN_PROPERTY = "flowrun_golden"  # the state of a golden value

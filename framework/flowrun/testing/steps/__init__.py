"""Tests one step alone: calls it as a recipe would, and checks it against the rules.

In: a `Step`, and its inputs and options or a recipe that uses it. Out: its outputs, or problems,
each with the broken rule, the place and the fix. Read first: `battery.py`, `isolated.py`,
`examination.py`.
"""

"""One step tried alone: called as a recipe would call it, and checked against the rules.

In: a `Step` and inputs, options or a recipe that uses it. Out: its outputs, or problems, each with
the rule that is broken, the place and the fix. Read first: `battery.py`, `isolated.py`,
`examination.py`.
"""

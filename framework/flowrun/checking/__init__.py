"""A plan's steps run on shapes alone, before the plan runs.

In: a `Plan` and a plugin's check mode. Out: a `Checked`: problems with their places, the shapes of
all values, a forecast of memory. Read first: `check.py`, `walk.py`, `checked.py`.
"""

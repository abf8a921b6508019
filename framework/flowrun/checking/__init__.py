"""A plan's steps run on shapes alone, before any of it runs.

In: a `Plan` and a plugin's check mode. Out: a `Checked`: findings with their places, the shapes of
all values, a forecast of memory. Read first: `check.py`, `walk.py`, `checked.py`.
"""

"""Past runs: finds, lists, filters and compares them, and plans them again.

In: the records of runs in the store. Out: rows, differences between two runs, the recipe of a run.
Read first: `finding.py`, `comparing.py`, `replanning.py`; they read `running/record.py`.
"""

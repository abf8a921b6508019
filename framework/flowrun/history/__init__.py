"""Past runs: found, listed, filtered, compared.

In: the records of runs in the store. Out: rows, differences between two runs, the recipe of a run.
Read first: `finding.py`, `past_run.py`, `comparing.py`.
"""

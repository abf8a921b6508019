"""Past runs: found, listed, filtered, compared, and planned again.

In: the records of runs in the store. Out: rows, differences between two runs, the recipe of a run.
Read first: `finding.py`, `comparing.py`, `replanning.py`; `running/record.py` is what they read.
"""

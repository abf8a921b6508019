"""What a recipe expects of its result, and whether the result meets it.

In: the `expect:` of a recipe and the values of a run. Out: a `CheckResult` for each check, with the
value found. Read first: `expectation.py`, `judge.py`, `golden/comparing.py`.
"""

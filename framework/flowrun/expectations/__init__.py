"""What a recipe expects of its result, and whether the result meets it.

In: the `expect:` of a recipe and the values of a run. Out: a `CheckResult` for each check. Each
check is a class in a module of `checks/`. Read first: `check.py`, `checks/bounds.py`,
`expectation.py`.
"""

"""A plan is run: each step is found in the store or called, and a record is left.

In: a `Plan` and a `Store`. Out: a `Result`, events for listeners, `run.json`. Read first:
`runner.py` (the loop), `cache.py` (finding results), `step_caller.py` (calling steps).
"""

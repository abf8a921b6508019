"""The outputs of steps, stored by content: records in one SQLite database, values as files.

In: keys, records, values. Out: the same again, in this process or another. Read first: `store.py`,
`step_records.py`, `objects.py`; `memo.py` answers an unchanged command without planning it.
"""

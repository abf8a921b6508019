"""What code looks at while it runs, seen without a word from it: files, variables, modules.

In: audit events and calls of `os`. Out: an `Observation` of the things that were looked at, with
the state of each at that moment. Read first: `observing.py`, `record.py`, `ownership.py`, which
says whose code asks.
"""

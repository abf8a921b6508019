"""Values that pass between steps: codecs by their type, digests, paths into them, differences.

In: any value of a step. Out: its summary, its plain form, its digest, how two values differ. Read
first: `codecs.py`, `digests.py`, `paths.py`.
"""

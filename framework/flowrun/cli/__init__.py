"""The command line: one file for each command, a folder if a command is more than a file.

In: the arguments of `flowrun`. Out: text on the terminal or JSON, and an exit code: 0 success, 1 an
expectation not met, 2 a recipe that cannot be planned, 3 a failed step, 130 an interrupt. Read
first: `start.py` (the console script), `main.py` (the commands), `run.py` (`flowrun RECIPE`).
"""

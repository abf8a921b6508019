"""The text of a recipe becomes a typed `Recipe` whose every node knows its line.

In: a path, a mapping, settings of `--set`. Out: a `Recipe`, or problems with their places. Read
first: `recipe.py`, `document.py`, `reading.py`.
"""

"""A recipe and the registered steps become a plan.

In: a `Recipe` and the `Registry` of steps. Out: a `Plan` (each step with validated options, its
inputs and outputs bound to names, its seed), or a RecipeError with every problem at once. Read
first: `plan.py`, `wiring.py`, `options.py`.
"""

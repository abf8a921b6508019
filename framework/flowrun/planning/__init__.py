"""Makes a plan from a recipe and the registered steps.

In: a `Recipe` and the `Registry` of steps. Out: a `Plan` (each step with validated options, its
inputs and outputs bound to names, its seed), or a RecipeError with every problem at once. Read
first: `plan.py`, `wiring.py`, `options.py`.
"""

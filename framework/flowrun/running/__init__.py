"""A run: the steps of a plan taken one after the other, kept where they can be, and judged."""

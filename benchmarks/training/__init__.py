"""Gradient descent by flowrun's engines and by other tools, on the same data, in one run."""

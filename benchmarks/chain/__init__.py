"""A chain of trivial steps, run by flowrun and by other tools: what a step costs by itself."""

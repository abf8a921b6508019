"""`flowrun new`: a step, a plugin or a recipe to begin with."""

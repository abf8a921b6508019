"""`flowrun new`: a step, a recipe or a plugin package written from templates."""

"""Golden values: what a recipe gave once, kept beside it, and held against what it gives now."""

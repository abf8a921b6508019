"""Golden values: results written to a file beside the recipe, which later runs must repeat."""

"""The shipped recipes, installed as the package `flowrun_recipes`."""

"""The article's code blocks as recipes, installed as the package `flowrun_recipes.article`."""

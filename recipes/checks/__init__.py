"""Recipes that compute what the built-in steps give by other means, and compare the two."""

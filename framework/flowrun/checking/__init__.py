"""`flowrun check`: every step run on shapes alone, and what is wrong with a recipe found by it."""

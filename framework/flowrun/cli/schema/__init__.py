"""`flowrun schema`: the JSON Schema of recipes, by which editors complete and check them."""

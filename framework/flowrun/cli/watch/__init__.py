"""`flowrun watch`: a recipe run again after each change of a file that it depends on."""

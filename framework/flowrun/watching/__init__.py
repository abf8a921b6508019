"""`flowrun watch`: a recipe run again whenever something that it depends on changes."""

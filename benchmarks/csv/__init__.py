"""Tables of numbers read from text by flowrun, and by the engines it could have."""

"""What it costs to keep values of each type, and to read them back."""

"""The code that a run passes before its first step is called."""

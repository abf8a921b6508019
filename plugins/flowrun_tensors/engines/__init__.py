"""Engines of `gd_train`: faster ways along the path of the loop in `flowrun_tensors.training`.

They load numpy when imported, so a step imports them in its body, not at the top of its file.
"""

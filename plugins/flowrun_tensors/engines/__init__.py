"""Engines of `gd_train`: faster ways along the path of the loop in `flowrun_tensors.training`.

They load numpy when imported, so a step imports them where it is called, not at its file's head.
"""

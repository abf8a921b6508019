"""Mutation testing: one small change to the framework's code, and whether the tests notice it.

The changes are those of Cosmic Ray's operators. Its own runner starts a new pytest for each mutant,
which would import torch each time; here pytest is forked from the tests' fork server, and finds a
copy of the framework with the mutant before the framework itself.
"""

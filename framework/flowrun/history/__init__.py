"""Runs looked back at: found, listed, compared, and planned again from their records."""

"""What the store costs: digests, keeping and reading values, long lists of runs, long recipes."""

"""The store: what steps gave, kept by content, so that only what changed runs."""

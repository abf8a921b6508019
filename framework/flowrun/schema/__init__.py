"""The recipe language as a JSON Schema, and where editors find it."""

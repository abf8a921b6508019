"""A run again of an unchanged recipe, beside the mere import of libraries."""

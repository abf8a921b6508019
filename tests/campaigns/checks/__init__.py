"""The catalogue of broken recipes that a check must find before anything runs."""

from tests.campaigns.checks import (
    catalogue_devices,
    catalogue_dtypes,
    catalogue_expected,
    catalogue_expressions,
    catalogue_gradients,
    catalogue_indices,
    catalogue_layers,
    catalogue_losses,
    catalogue_memory,
    catalogue_own_steps,
    catalogue_sequences,
    catalogue_shapes,
    catalogue_tables,
    catalogue_wiring,
)

CASES = (
    *catalogue_tables.CASES,
    *catalogue_wiring.CASES,
    *catalogue_expressions.CASES,
    *catalogue_devices.CASES,
    *catalogue_memory.CASES,
    *catalogue_layers.CASES,
    *catalogue_sequences.CASES,
    *catalogue_losses.CASES,
    *catalogue_gradients.CASES,
    *catalogue_own_steps.CASES,
    *catalogue_dtypes.CASES,
    *catalogue_indices.CASES,
    *catalogue_shapes.CASES,
    *catalogue_expected.CASES,
)

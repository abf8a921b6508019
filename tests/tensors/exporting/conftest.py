"""The Pythons in which scripts are run."""

from __future__ import annotations

import pytest

from tests.tensors.exporting.scripts import Python


@pytest.fixture(scope="session")
def torch_alone(tmp_path_factory: pytest.TempPathFactory) -> Python:
    return Python(tmp_path_factory.mktemp("torch"))


@pytest.fixture(scope="session")
def with_numpy(tmp_path_factory: pytest.TempPathFactory) -> Python:
    """The Python of one who runs scripts with the step that asks NumPy, or safetensors files."""
    return Python(tmp_path_factory.mktemp("numpy"), "numpy", "safetensors")

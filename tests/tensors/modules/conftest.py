"""The Python in which exported scripts of modules are run."""

from __future__ import annotations

import pytest

from tests.tensors.exporting.scripts import Python


@pytest.fixture(scope="session")
def torch_alone(tmp_path_factory: pytest.TempPathFactory) -> Python:
    """A Python with torch, and without flowrun."""
    return Python(tmp_path_factory.mktemp("torch"))

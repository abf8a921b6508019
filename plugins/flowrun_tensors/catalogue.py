"""The data catalogue: `data/catalogue.yaml`, with the stand-ins beside it."""

from __future__ import annotations

import functools
from importlib.resources import files
from pathlib import Path

import msgspec

from flowrun import Dataset


@functools.cache
def datasets() -> tuple[Dataset, ...]:
    """The data sets of the catalogue, their stand-ins as full paths; read once in a process."""
    catalogue = Path(str(files("flowrun_data").joinpath("catalogue.yaml")))
    found = msgspec.yaml.decode(catalogue.read_bytes(), type=list[Dataset])
    return tuple(
        msgspec.structs.replace(item, standin=str(catalogue.with_name(item.standin)))
        if item.standin
        else item
        for item in found
    )

"""The file formats of the built-in plugin."""

from flowrun import Format
from flowrun_tensors.formats.csv_header import csv_header, csv_outline
from flowrun_tensors.formats.csv_text import read_csv
from flowrun_tensors.formats.headers import numpy_header, pt_header, safetensors_header
from flowrun_tensors.formats.tensor_files import (
    read_numpy,
    read_pt,
    read_safetensors,
    write_numpy,
    write_pt,
    write_safetensors,
)

FORMATS = (
    Format(
        "CSV", (".csv", ".tsv", ".txt"), read_csv,
        settings=("delimiter", "header", "dtype"), header=csv_header,
        outline=csv_outline,
    ),
    Format("torch", (".pt", ".pth"), read_pt, write_pt, header=pt_header, mapped=True),
    Format(
        "safetensors", (".safetensors",), read_safetensors, write_safetensors,
        header=safetensors_header, mapped=True,
    ),
    Format("NumPy", (".npy",), read_numpy, write_numpy, header=numpy_header, mapped=True),
    Format("NumPy", (".npz",), read_numpy, write_numpy, header=numpy_header),
)  # fmt: skip

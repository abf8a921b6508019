"""The file formats of the built-in plugin."""

from flowrun import Format
from flowrun_tensors.formats.csv_text import read_csv
from flowrun_tensors.formats.tensor_files import (
    read_numpy,
    read_pt,
    read_safetensors,
    write_numpy,
    write_pt,
    write_safetensors,
)

FORMATS = (
    Format("CSV", (".csv", ".tsv", ".txt"), read_csv, settings=("delimiter", "header")),
    Format("torch", (".pt", ".pth"), read_pt, write_pt),
    Format("safetensors", (".safetensors",), read_safetensors, write_safetensors),
    Format("NumPy", (".npy", ".npz"), read_numpy, write_numpy),
)

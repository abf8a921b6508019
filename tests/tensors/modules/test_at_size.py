"""A module is trained on a table that is mapped from a file, and read a batch at a time."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests import processes

SIZE = 768 * 2**20  # bytes of the table
IMAGE = 4 * 64 * 64

PROGRAM = """
import re, resource
from pathlib import Path
import flowrun

def recipe(X, y):
    return {"recipe": "large", "plugins": ["net.py"], "steps": [
        {"load": {"source": X, "values": ["X_train"]}},
        {"load": {"source": y, "values": ["y_train"]}, "id": "targets"},
        {"init_params": {"model": "net", "outputs": 2}},
        {"gd_train": {"loss": "cross_entropy", "batch_size": 256, "epochs": 1,
                      "patience": 1}, "in": {"X_val": "X_train", "y_val": "y_train"}},
        {"evaluate": {"metrics": ["accuracy"]}, "in": {"X_val": "X_train", "y_val": "y_train"}},
        {"predict": {"batch_size": 512}, "in": {"data": "X_train"}},
    ]}

flowrun.run(recipe("few_X.npy", "few_y.npy"))  # libraries and threads are there from now on
used = 1024 * int(re.search(r"VmSize:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
# The file may be mapped once, and there is no room for a copy of it.
limit = used + SIZE + SIZE // 3
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
values = flowrun.run(recipe("X.npy", "y.npy")).values
print(values["losses"].shape, values["val_losses"].shape, values["y_hat"].shape)
"""

NET = """
import torch
from flowrun import hookimpl
from flowrun_tensors import Model
from torch import nn

def net(features, outputs):
    return nn.Sequential(nn.Conv2d(1, 2, 8, stride=8), nn.ReLU(), nn.Flatten(),
                         nn.Linear(128, outputs))

@hookimpl
def flowrun_tensors_models():
    return [Model.of_module("net", net)]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_a_table_of_which_no_copy_fits_into_memory_is_trained_on(tmp_path: Path) -> None:
    rows = SIZE // IMAGE
    (tmp_path / "net.py").write_text(NET)
    np.save(tmp_path / "few_X.npy", np.zeros((600, 1, 64, 64), np.float32))
    np.save(tmp_path / "few_y.npy", np.arange(600) % 2)
    np.save(tmp_path / "y.npy", np.arange(rows) % 2)
    with (tmp_path / "X.npy").open("wb") as file:  # the zeros take no room on the disk
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, 1, 64, 64)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + SIZE)
    program = PROGRAM.replace("SIZE", str(SIZE))
    done = processes.run(["-c", program], cwd=tmp_path, fresh=True)
    assert done.returncode == 0, done.stderr
    assert f"torch.Size([{rows // 256}]) torch.Size([1]) torch.Size([{rows}, 2])" in done.stdout

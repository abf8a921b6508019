"""A script for a machine with a CUDA device: the product of two float32 matrices 10,000 x 10,000.

Prints `{"found": TFLOP/s, "peak": TFLOP/s or null}`. The product is that of full float32 (torch's
default, no TF32). The peak is what the card could do at its highest clock: two operations for each
float32 unit in each cycle; null where the number of units, or the clock, is not known.
"""

from __future__ import annotations

import json
import statistics
import subprocess

import torch

SIZE = 10_000
# Float32 units of a multiprocessor by compute capability: CUDA C++ Programming Guide, table
# "Throughput of Native Arithmetic Instructions".
UNITS = {
    (7, 0): 64,
    (7, 5): 64,
    (8, 0): 64,
    (8, 6): 128,
    (8, 7): 128,
    (8, 9): 128,
    (9, 0): 128,
    (10, 0): 128,
    (12, 0): 128,
}


def peak() -> float | None:
    """Operations in a second, by the card's own figures."""
    device = torch.cuda.get_device_properties(0)
    units = UNITS.get((device.major, device.minor))
    query = ["nvidia-smi", "--id=0", "--query-gpu=clocks.max.sm", "--format=csv,noheader,nounits"]
    try:
        clock = float(subprocess.run(query, capture_output=True, text=True, check=True).stdout)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None
    return units and 2 * units * device.multi_processor_count * clock * 1e6


def found() -> float:
    """Operations in a second, the median of ten products after two that do not count."""
    left, right = (torch.randn(SIZE, SIZE, device="cuda") for _ in range(2))
    product = torch.empty_like(left)
    seconds = []
    for _ in range(12):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        torch.mm(left, right, out=product)
        end.record()
        end.synchronize()
        seconds.append(begin.elapsed_time(end) / 1000)
    return float(2 * SIZE**3 / statistics.median(seconds[2:]))


if __name__ == "__main__":
    highest = peak()
    print(json.dumps({"found": found() / 1e12, "peak": highest and highest / 1e12}))

"""The recipes of the fault campaign: one of plain Python steps, which is quick, two of training."""

from __future__ import annotations

FIRST = "first"  # the id of the first step of each
_PLAIN_STEPS = '''
"""Steps of plain Python that tell each call of theirs, and save how far they have come."""

import json
import os
import random
import time
from pathlib import Path

from flowrun import replacing, step
from flowrun.plugins.observation.record import unobserved
from flowrun.running import checkpoints

# A checkpoint at every offer, whatever it costs: so every run writes the same, call by call.
checkpoints._LARGEST_SHARE = float("inf")


def tell(name):
    with unobserved():
        file = os.open(os.environ["CALLS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, name.encode() + b"\\n")
        os.close(file)


@step(outputs="numbers")
def numbers(*, count: int = 300, ctx):
    """Draw numbers; more than stand in a record."""
    tell("numbers")
    generator = random.Random(ctx.seed)  # the step is not `random`: that would import torch
    return [generator.random() for _ in range(count)]


@step(outputs="numbers")
def walk(numbers, *, steps: int = 3, seconds: float = 0.0, ctx):
    """Walk at random, from each number."""
    tell("walk")
    begun, generator = 0, random.Random(ctx.seed)
    if ctx.restored is not None:
        begun, numbers = ctx.restored["steps"], ctx.restored["numbers"]
        generator.setstate(ctx.restored["generator"])
    for done in range(begun, steps):
        time.sleep(seconds / steps)
        numbers = [number + generator.gauss(0, 1) for number in numbers]
        state = {"steps": done + 1, "numbers": numbers, "generator": generator.getstate()}
        ctx.checkpoint(lambda state=state: state)
    return numbers


@step(outputs="metrics")
def measure(numbers):
    """Measure where the walk has led."""
    tell("measure")
    return {"mean": sum(numbers) / len(numbers), "largest": max(numbers)}


@step(outputs=(), effect=True)
def write(numbers, metrics, *, to: str, ctx):
    """Write all that is known."""
    tell("write")
    path = ctx.path(to)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps([numbers, metrics]))
    ctx.writes(path)
'''

PLAIN = {
    "plain.py": _PLAIN_STEPS,
    "recipe.yaml": """
recipe: plain
seed: 5
plugins: [./plain.py]
steps:
  - numbers:
    id: first
    cache: true
  - walk:
    cache: true
  - measure
  - write: {to: out/numbers.json}
expect:
  metrics.mean: {above: -100}
  "numbers[0]": {above: -100}
""",
}

_TRAINING = """
recipe: training
seed: 3
steps:
  - random: {{X_train: {{randn: [500, 8]}}, y_train: {{randn: [500, 1]}},
             X_val: {{randn: [100, 8]}}, y_val: {{randn: [100, 1]}}}}
    id: first
  - init_params: {{layers: {layers}}}
  - gd_train: {training}
  - evaluate
  - save: {{to: out/model, values: [params, losses, metrics]}}
expect:
  losses[-1]: {{below: 100}}
"""

IN_BATCHES = {
    "recipe.yaml": _TRAINING.format(
        layers="[16, 1]", training="{steps: 6000, batch_size: 64, engine: autograd}"
    )
}

TO_TOLERANCE = {
    "recipe.yaml": _TRAINING.format(
        layers="[16, 1]", training="{steps: 100000, lr: 0.05, tolerance: 1e-5, engine: autograd}"
    )
}

OF_MODULE = {
    "net.py": '''
"""A module with buffers and with dropout."""

import torch
from flowrun import hookimpl
from flowrun_tensors import Model
from torch import nn


def net(features, outputs):
    inner = [nn.Linear(features[0], 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3)]
    return nn.Sequential(*inner, nn.Linear(16, outputs))


@hookimpl
def flowrun_tensors_models():
    return [Model.of_module("net", net)]
''',
    "recipe.yaml": _TRAINING.replace("seed: 3\n", "seed: 3\nplugins: [./net.py]\n")
    .replace("{{layers: {layers}}}", "{{model: net}}")
    .format(
        training="{epochs: 150, batch_size: 32, optimizer: nadam, lr: 0.001, validate: true, "
        "clip_norm: 1.0, schedule: {ExponentialLR: {gamma: 0.99}}}"
    ),
}

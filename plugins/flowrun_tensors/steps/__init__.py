"""The built-in steps, a file each."""

from flowrun_tensors.steps.bench import bench
from flowrun_tensors.steps.cast import cast
from flowrun_tensors.steps.compute import compute
from flowrun_tensors.steps.evaluate import evaluate
from flowrun_tensors.steps.gd_train import gd_train
from flowrun_tensors.steps.grad import grad
from flowrun_tensors.steps.init_params import init_params
from flowrun_tensors.steps.load import load
from flowrun_tensors.steps.minimize import minimize
from flowrun_tensors.steps.normalize import normalize
from flowrun_tensors.steps.numpy import numpy
from flowrun_tensors.steps.place import place
from flowrun_tensors.steps.predict import predict
from flowrun_tensors.steps.random import random
from flowrun_tensors.steps.save import save
from flowrun_tensors.steps.show import show
from flowrun_tensors.steps.shuffle import shuffle
from flowrun_tensors.steps.split import split
from flowrun_tensors.steps.tensor import tensor

STEPS = (
    load, shuffle, split, normalize, init_params, gd_train, evaluate, predict, save, bench,
    tensor, random, compute, cast, place, numpy, grad, minimize, show,
)  # fmt: skip

"""The gradient of a network, compiled by numba for one thread: a block of rows after the other.

Every table of a block is `(units, rows)`, so that the rows of a unit lie side by side and a vector
instruction takes several at once. The rows of a block are few enough for all its layers to stay in
the processor's second cache, and the forward and the backward pass go over a block while they do.
Products are made four units by four at a time: as many sums as the registers hold.

This module imports numba when it is imported. Everything compiled is in this one file, because
numba's cache looks for changes in the file of the function that is called, and nowhere else.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

RELU, MAXIMUM, TANH, SIGMOID = range(4)
MSE, MAE, HUBER = range(3)

# Only functions called from outside are cached: the cache includes all that they call.
# No fast-math flag that hides values that are not finite: divergence must be reported.
_compiled = partial(njit, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})


@_compiled(cache=True)
def gradient(  # type: ignore[no-untyped-def]
    flat, widths, X, y, count, activation, loss, before, after, tile, sums, flat_gradient
):
    """Fill `flat_gradient` with the gradient of the mean loss; gives that mean, a float64.

    flat: the parameters, layer by layer a matrix `(inputs + 1, outputs)`, the last row its biases.
    widths: inputs of the network, then outputs of each layer. X: `(blocks, inputs + 1, rows)`, the
    last row ones. y: `(blocks, outputs, rows)`. count: rows that count, without the padding of the
    last block. activation, loss: constants of this module. after: `(units, rows)`, the values
    of every layer, each followed by a row of ones; before: the same before the activation, which
    only MAXIMUM needs (for the others it may be `after` itself). tile: `(4, rows)`. sums: float64,
    as long as `flat`.
    """
    last = len(widths) - 2
    total = 0.0
    sums[:] = 0.0
    for block in range(len(X)):
        inputs = X[block]
        weights = top = 0
        for layer in range(last + 1):
            fan_in, fan_out = widths[layer] + 1, widths[layer + 1]
            for unit in range(0, fan_out, 4):
                start, end = top + unit, top + min(unit + 4, fan_out)
                _multiply(flat, weights + unit, fan_out, 1, inputs, before[start:end])
                if layer < last:
                    _activate(before[start:end], after[start:end], activation)
            weights += fan_in * fan_out
            inputs = after[top : top + fan_out + 1]
            top += fan_out + 1
        top -= widths[last + 1] + 1
        errors = before[top : top + widths[last + 1]]
        counted = min(X.shape[2], count - block * X.shape[2])
        total += _differentiate_loss(errors, y[block], counted, loss)
        for layer in range(last, -1, -1):
            fan_in, fan_out = widths[layer] + 1, widths[layer + 1]
            weights -= fan_in * fan_out
            inputs = X[block] if layer == 0 else after[top - fan_in : top]
            _add_products(inputs, errors, sums, weights)
            if layer > 0:
                top -= fan_in
                for unit in range(0, fan_in - 1, 4):
                    start, end = top + unit, top + min(unit + 4, fan_in - 1)
                    products = tile[: end - start]
                    _multiply(flat, weights + unit * fan_out, 1, fan_out, errors, products)
                    _differentiate(before[start:end], after[start:end], products, activation)
                errors = after[top : top + fan_in - 1]
    elements = count * widths[last + 1]
    scale = (2.0 if loss == MSE else 1.0) / elements
    for index in range(len(flat)):
        flat_gradient[index] = sums[index] * scale
    return total / elements


@_compiled(cache=True)
def lay_out(X, y, rows, X_blocks, y_blocks):  # type: ignore[no-untyped-def]
    """Put the given rows of `X` `(n, d)` and `y` `(n, k)` into the blocks that `gradient` takes."""
    size = X_blocks.shape[2]
    for position in range(len(rows)):
        block, place = position // size, position % size
        row = rows[position]
        for column in range(X.shape[1]):
            X_blocks[block, column, place] = X[row, column]
        for column in range(y.shape[1]):
            y_blocks[block, column, place] = y[row, column]


@_compiled()
def _multiply(flat, first, step, stride, inputs, outputs):  # type: ignore[no-untyped-def]
    """`outputs[j] = sum over k of W[k, j] inputs[k]`, `W[k, j] = flat[first + step k + stride j]`.

    outputs: at most four.
    """
    rest = len(inputs) % 4
    for k in range(rest):
        a0 = inputs[k]
        for j in range(len(outputs)):
            z0, w00 = outputs[j], flat[first + step * k + stride * j]
            if k == 0:
                for i in range(len(z0)):
                    z0[i] = w00 * a0[i]
            else:
                for i in range(len(z0)):
                    z0[i] += w00 * a0[i]
    for k in range(rest, len(inputs), 4):
        a0, a1, a2, a3 = inputs[k], inputs[k + 1], inputs[k + 2], inputs[k + 3]
        w = first + step * k
        if len(outputs) == 4:
            z0, z1, z2, z3 = outputs[0], outputs[1], outputs[2], outputs[3]
            w00, w10, w20, w30 = flat[w], flat[w + step], flat[w + 2 * step], flat[w + 3 * step]
            w += stride
            w01, w11, w21, w31 = flat[w], flat[w + step], flat[w + 2 * step], flat[w + 3 * step]
            w += stride
            w02, w12, w22, w32 = flat[w], flat[w + step], flat[w + 2 * step], flat[w + 3 * step]
            w += stride
            w03, w13, w23, w33 = flat[w], flat[w + step], flat[w + 2 * step], flat[w + 3 * step]
            if k == 0:
                for i in range(len(z0)):
                    x0, x1, x2, x3 = a0[i], a1[i], a2[i], a3[i]
                    z0[i] = w00 * x0 + w10 * x1 + w20 * x2 + w30 * x3
                    z1[i] = w01 * x0 + w11 * x1 + w21 * x2 + w31 * x3
                    z2[i] = w02 * x0 + w12 * x1 + w22 * x2 + w32 * x3
                    z3[i] = w03 * x0 + w13 * x1 + w23 * x2 + w33 * x3
            else:
                for i in range(len(z0)):
                    x0, x1, x2, x3 = a0[i], a1[i], a2[i], a3[i]
                    z0[i] += w00 * x0 + w10 * x1 + w20 * x2 + w30 * x3
                    z1[i] += w01 * x0 + w11 * x1 + w21 * x2 + w31 * x3
                    z2[i] += w02 * x0 + w12 * x1 + w22 * x2 + w32 * x3
                    z3[i] += w03 * x0 + w13 * x1 + w23 * x2 + w33 * x3
        else:
            if k == 0:
                outputs[:] = flat.dtype.type(0)
            for j in range(len(outputs)):
                z0 = outputs[j]
                w00, w10, w20, w30 = flat[w], flat[w + step], flat[w + 2 * step], flat[w + 3 * step]
                for i in range(len(z0)):
                    z0[i] += w00 * a0[i] + w10 * a1[i] + w20 * a2[i] + w30 * a3[i]
                w += stride


@_compiled()
def _add_products(inputs, errors, sums, first):  # type: ignore[no-untyped-def]
    """`sums[first + k len(errors) + j] += sum over rows of inputs[k] errors[j]`."""
    fan_out = len(errors)
    zero = inputs.dtype.type(0)
    whole, whole_out = len(inputs) - len(inputs) % 4, fan_out - fan_out % 4
    for k in range(0, whole, 4):
        a0, a1, a2, a3 = inputs[k], inputs[k + 1], inputs[k + 2], inputs[k + 3]
        for j in range(0, whole_out, 4):
            e0, e1, e2, e3 = errors[j], errors[j + 1], errors[j + 2], errors[j + 3]
            s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = zero
            s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = zero
            for i in range(len(a0)):
                x0, x1, x2, x3 = a0[i], a1[i], a2[i], a3[i]
                d0, d1, d2, d3 = e0[i], e1[i], e2[i], e3[i]
                s00, s01, s02, s03 = s00 + x0 * d0, s01 + x0 * d1, s02 + x0 * d2, s03 + x0 * d3
                s10, s11, s12, s13 = s10 + x1 * d0, s11 + x1 * d1, s12 + x1 * d2, s13 + x1 * d3
                s20, s21, s22, s23 = s20 + x2 * d0, s21 + x2 * d1, s22 + x2 * d2, s23 + x2 * d3
                s30, s31, s32, s33 = s30 + x3 * d0, s31 + x3 * d1, s32 + x3 * d2, s33 + x3 * d3
            _add_four(sums, first + k * fan_out + j, s00, s01, s02, s03)
            _add_four(sums, first + (k + 1) * fan_out + j, s10, s11, s12, s13)
            _add_four(sums, first + (k + 2) * fan_out + j, s20, s21, s22, s23)
            _add_four(sums, first + (k + 3) * fan_out + j, s30, s31, s32, s33)
        for j in range(whole_out, fan_out):
            e0 = errors[j]
            s00 = s10 = s20 = s30 = zero
            for i in range(len(a0)):
                d0 = e0[i]
                s00, s10 = s00 + a0[i] * d0, s10 + a1[i] * d0
                s20, s30 = s20 + a2[i] * d0, s30 + a3[i] * d0
            sums[first + k * fan_out + j] += s00
            sums[first + (k + 1) * fan_out + j] += s10
            sums[first + (k + 2) * fan_out + j] += s20
            sums[first + (k + 3) * fan_out + j] += s30
    for k in range(whole, len(inputs)):
        a0 = inputs[k]
        for j in range(fan_out):
            e0, s00 = errors[j], zero
            for i in range(len(a0)):
                s00 += a0[i] * e0[i]
            sums[first + k * fan_out + j] += s00


@_compiled()
def _add_four(sums, first, *added):  # type: ignore[no-untyped-def]
    for place in range(4):
        sums[first + place] += added[place]


@_compiled()
def _activate(before, after, activation):  # type: ignore[no-untyped-def]
    """The activation of a few units; given a NaN, `max` returns its first argument."""
    zero, one = before.dtype.type(0), before.dtype.type(1)
    for j in range(len(before)):
        z, a = before[j], after[j]
        if activation == MAXIMUM:
            for i in range(len(z)):
                a[i] = max(z[i], zero)
        # Below both tables are one; a loop that named both would not be compiled to vectors.
        elif activation == RELU:
            for i in range(len(a)):
                a[i] = max(a[i], zero)
        elif activation == TANH:
            for i in range(len(a)):
                rise = _exp_less_one(a[i] + a[i])
                a[i] = rise / (rise + (one + one))
        else:
            for i in range(len(a)):
                a[i] = one / (one + _exp(-a[i]))


@_compiled()
def _differentiate(before, after, products, activation):  # type: ignore[no-untyped-def]
    """Put into `after` the derivative of the activation, times `products`."""
    zero, half, one = before.dtype.type(0), before.dtype.type(0.5), before.dtype.type(1)
    for j in range(len(after)):
        z, a, p = before[j], after[j], products[j]
        if activation == RELU:
            for i in range(len(a)):
                a[i] = zero if a[i] <= zero else p[i]
        elif activation == MAXIMUM:
            for i in range(len(a)):
                slope = zero if z[i] < zero else (half if z[i] == zero else one)
                a[i] = slope * p[i]
        elif activation == TANH:
            for i in range(len(a)):
                a[i] = (one - a[i] * a[i]) * p[i]
        else:
            for i in range(len(a)):
                a[i] = (one - a[i]) * a[i] * p[i]


@_compiled()
def _differentiate_loss(errors, targets, count, loss):  # type: ignore[no-untyped-def]
    """Turn predictions into the loss's derivative, half of it for MSE; gives the summed loss."""
    zero, half, one = errors.dtype.type(0), errors.dtype.type(0.5), errors.dtype.type(1)
    total = 0.0
    for j in range(len(errors)):
        e, target, summed = errors[j], targets[j], zero
        if loss == MSE:
            for i in range(count):
                e[i] -= target[i]
                summed += e[i] * e[i]
        elif loss == MAE:
            for i in range(count):
                error = e[i] - target[i]
                summed += abs(error)
                e[i] = one if error > zero else (-one if error < zero else error)
        else:
            for i in range(count):
                error = e[i] - target[i]
                slope = min(max(error, -one), one)
                summed += slope * (error - half * slope)
                e[i] = slope
        e[count:] = zero
        total += summed
    return total


def _exp(x: Any) -> Any:
    """The exponential function by operations that vector instructions have.

    `exp(x) = 2^n exp(r)` with `|r| <= ln 2 / 2`, exp(r) by its Taylor series (Muller, Elementary
    Functions, 2016), and 2^n written as the bits of a number. Where the result or its inverse would
    leave the dtype's range, the last value within it; NaN gives NaN.
    """
    return math.exp(x)


def _exp_less_one(x: Any) -> Any:
    """`exp(x) - 1` in the same way, of full precision near 0: `2^n (exp(r) - 1) + (2^n - 1)`."""
    return math.expm1(x)


@overload(_exp, jit_options={"error_model": "numpy", "fastmath": {"contract"}})
def _exp_of_dtype(x: Any) -> Any:
    return _series(x, less_one=False)


@overload(_exp_less_one, jit_options={"error_model": "numpy", "fastmath": {"contract"}})
def _exp_less_one_of_dtype(x: Any) -> Any:
    return _series(x, less_one=True)


def _series(x: Any, *, less_one: bool) -> Any:
    """The function that numba compiles for the dtype of x."""
    single = x == types.float32
    dtype, bits = (np.float32, np.int32) if single else (np.float64, np.int64)
    fraction_bits, bias, limit, degree = (23, 127, 87.0, 7) if single else (52, 1023, 708.0, 13)
    # ln 2 as a sum whose first part has so few bits that its product with any exponent is exact.
    ln2_high, ln2_low = dtype(0.693359375), dtype(math.log(2) - 0.693359375)
    log2_e = dtype(math.log2(math.e))
    lowest, highest, half, one = dtype(-limit), dtype(limit), dtype(0.5), dtype(1)
    least = 1 if less_one else 0  # the power with which the series begins
    terms = tuple(dtype(1 / math.factorial(power)) for power in range(degree, least - 1, -1))

    def function(x: Any) -> Any:
        x = min(max(x, lowest), highest)
        exponent = np.floor(x * log2_e + half)
        rest = (x - exponent * ln2_high) - exponent * ln2_low
        series = terms[0]
        for term in terms[1:]:
            series = series * rest + term
        scale = bits((bits(exponent) + bias) << fraction_bits).view(dtype)
        if less_one:
            return scale * (series * rest) + (scale - one)
        return series * scale

    return function

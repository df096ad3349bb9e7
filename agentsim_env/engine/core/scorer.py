"""Trained policies in compiled code: a score for each row of a decision, and the legal answer with the highest one.

A policy comes as one vector of weights and a few numbers, so that whatever plays it is compiled once for all of them:

* `LINEAR`: one weight for each column.
* `GATED`: besides, for each of `width` gates, a weighted sum of the columns that counts as far as its gate is open,
  which is another weighted sum. Weights of the columns, then those that open the gates, columns x gates, then those of
  what they let through, likewise.
* `POOLED`: the network of `agents/networks.py`. Its parameters follow one another, each as inputs x outputs: embedding,
  its bias, hidden layer, its bias, context, its bias, row, head, its bias.

All is float32, summed in the order of the inputs; numpy and torch sum in another one, so scores can differ by some 1e-6
of themselves, and answers where two rows score alike.
"""

from typing import NamedTuple

import numpy as np

from agentsim_env.engine.core.jit import compiled

LINEAR, POOLED, GATED = range(3)
"""Forms of a policy."""


class Scorer(NamedTuple):
    """A policy as compiled code takes it.

    Attributes:
        form: `LINEAR`, `POOLED` or `GATED`.
        width: Units in a layer, or gates; 0 for a linear one.
        allowed: Column that is > 0 in rows that are pooled, or -1.
        weights: All weights, `float32`, C order.
    """

    form: int
    width: int
    allowed: int
    weights: np.ndarray


def count_weights(form: int, n_features: int, width: int) -> int:
    """Length of the vector of weights of a form."""
    if form == LINEAR:
        return n_features
    if form == GATED:
        return n_features * (1 + 2 * width)
    return width * (n_features + 1) + width * (width + 1) + width * (2 * width + 1) + width * width + width + 1


def workspace(form: int, n_rows: int, width: int) -> np.ndarray:
    """What `best_answer` computes in, `float32`: scores first."""
    further = {LINEAR: 0, POOLED: 2 * n_rows * width + 3 * width, GATED: 2 * width}
    return np.zeros(n_rows + further[form], np.float32)


@compiled
def best_answer(rows, legal, form, width, allowed, weights, work):
    """The legal answer with the highest score, the first of several.

    Args:
        rows: A row for each answer, `float32 [answers, features]`.
        legal: Not 0 for answers that may be given, at least as long.
        form: See `Scorer`.
        width: Likewise.
        allowed: Column that is > 0 in rows that are pooled, -1 if all are.
        weights: As the form has them.
        work: See `workspace`.
    """
    if form == LINEAR:
        _linear(rows, weights, work)
    elif form == GATED:
        _gated(rows, width, weights, work)
    else:
        _pooled(rows, width, allowed, weights, work)
    best = -1
    for k in range(len(rows)):
        if legal[k] and (best < 0 or work[k] > work[best]):
            best = k
    return best


@compiled
def _linear(rows, weights, work):
    for k in range(len(rows)):
        work[k] = 0.0
        for column in range(rows.shape[1]):
            work[k] += rows[k, column] * weights[column]


@compiled
def _gated(rows, width, weights, work):
    n, n_features = rows.shape
    _linear(rows, weights, work)
    gates, let_through = work[n : n + width], work[n + width : n + 2 * width]
    behind = weights[n_features:]
    for k in range(n):
        gates[:] = 0.0
        let_through[:] = 0.0
        _add_products(rows[k], n_features, behind, gates)
        _add_products(rows[k], n_features, behind[n_features * width :], let_through)
        for j in range(width):
            work[k] += gates[j] * let_through[j]


@compiled
def _pooled(rows, width, allowed, weights, work):
    n, n_features = rows.shape
    scores = work[:n]
    embedded = work[n : n + n * width]
    hidden = work[n + n * width : n + 2 * n * width]
    pool = work[n + 2 * n * width : n + 2 * (n + 1) * width]
    context = work[n + 2 * (n + 1) * width : n + (2 * n + 3) * width]
    at = 0
    for k in range(n):
        _layer(rows[k], n_features, weights[at:], embedded[k * width : (k + 1) * width])
        _rectify(embedded[k * width : (k + 1) * width])
    at += (n_features + 1) * width
    for k in range(n):
        _layer(embedded[k * width : (k + 1) * width], width, weights[at:], hidden[k * width : (k + 1) * width])
        _rectify(hidden[k * width : (k + 1) * width])
    at += (width + 1) * width
    _pool(rows, allowed, hidden, pool, width)
    _layer(pool, 2 * width, weights[at:], context)
    at += (2 * width + 1) * width
    head = weights[at + width * width :]
    for k in range(n):
        row = embedded[k * width : (k + 1) * width]
        row[:] = 0.0
        _add_products(hidden[k * width : (k + 1) * width], width, weights[at:], row)
        scores[k] = 0.0
        for j in range(width):
            scores[k] += max(row[j] + context[j], np.float32(0.0)) * head[j]
        scores[k] += head[width]


@compiled
def _layer(inputs, n, weights, outputs):
    """What a layer puts out; its bias stands behind its weights."""
    width = len(outputs)
    outputs[:] = 0.0
    _add_products(inputs, n, weights, outputs)
    bias = weights[n * width :]
    for j in range(width):
        outputs[j] += bias[j]


@compiled
def _add_products(inputs, n, weights, outputs):
    """Add `n` inputs times their weights; what was rectified is often 0."""
    width = len(outputs)
    for i in range(n):
        x = inputs[i]
        if x != 0.0:
            products = weights[i * width : (i + 1) * width]
            for j in range(width):
                outputs[j] += x * products[j]


@compiled
def _rectify(values):
    for j in range(len(values)):
        values[j] = max(values[j], np.float32(0.0))


@compiled
def _pool(rows, allowed, hidden, pool, width):
    """The mean and the maximum over the rows that are pooled; over all of them where none is."""
    n = len(rows)
    n_pooled = 0
    for k in range(n):
        n_pooled += _is_pooled(rows, allowed, k)
    all_rows = n_pooled == 0
    pool[:] = 0.0  # nothing that was rectified is less
    means, largest = pool[:width], pool[width:]
    for k in range(n):
        if all_rows or _is_pooled(rows, allowed, k):
            values = hidden[k * width : (k + 1) * width]
            for j in range(width):
                means[j] += values[j]
                largest[j] = max(largest[j], values[j])
    count = np.float32(n if all_rows else n_pooled)
    for j in range(width):
        means[j] /= count


@compiled
def _is_pooled(rows, allowed, k):
    return allowed < 0 or rows[k, allowed] > 0.0

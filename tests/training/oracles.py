"""The documents' update rules in NumPy, on a flat vector: x, its gradient, the rates, the numbers -> the last x."""

import numpy as np


def sgd(x, grad, rates, h):
    for rate in rates:
        x = x - rate * grad(x)
    return x


def momentum(x, grad, rates, h):
    v = 0.0
    for rate in rates:
        v = h.momentum * v - rate * grad(x)
        x = x + v
    return x


def momentum_d2(x, grad, rates, h):
    v = 0.0
    for rate in rates:
        v = h.momentum * v + grad(x)
        x = x - rate * v
    return x


def nesterov(x, grad, rates, h):
    """S-078 in its own variables; returns the last look-ahead point. The first is the start, where v = 0."""
    v = 0.0
    for rate in rates:
        v = h.momentum * v - rate * grad(x + h.momentum * v)
        x = x + v
    return x + h.momentum * v


def adagrad(x, grad, rates, h):
    cache = 0.0
    for rate in rates:
        dx = grad(x)
        cache = cache + dx**2
        x = x - rate * dx / (np.sqrt(cache) + 1e-7)
    return x


def rmsprop(x, grad, rates, h):
    cache = 0.0
    for rate in rates:
        dx = grad(x)
        cache = h.rmsprop_decay * cache + (1 - h.rmsprop_decay) * dx**2
        x = x - rate * dx / (np.sqrt(cache) + 1e-7)
    return x


def adam(x, grad, rates, h, decay=0.0):
    m, v = 0.0, 0.0
    for t, rate in enumerate(rates, start=1):
        dx = grad(x)
        m = h.beta1 * m + (1 - h.beta1) * dx
        v = h.beta2 * v + (1 - h.beta2) * dx**2
        m_hat, v_hat = m / (1 - h.beta1**t), v / (1 - h.beta2**t)
        x = x - rate * (m_hat / (np.sqrt(v_hat) + 1e-8) + decay * x)
    return x


def adam_nobc(x, grad, rates, h):
    m, v = 0.0, 0.0
    for rate in rates:
        dx = grad(x)
        m = h.beta1 * m + (1 - h.beta1) * dx
        v = h.beta2 * v + (1 - h.beta2) * dx**2
        x = x - rate * m / (np.sqrt(v) + 1e-7)
    return x


FORMULAS = {f.__name__: f for f in (sgd, momentum, momentum_d2, nesterov, adagrad, rmsprop, adam, adam_nobc)}
FORMULAS["adamw"] = adam

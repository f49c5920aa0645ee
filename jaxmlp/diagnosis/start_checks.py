"""Checks of a net before training: its loss, values, gradients and units at the start (S-095, S-106, S-107, S-110)."""

import math
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxmlp.diagnosis.data_checks import OWN_SOFTMAX
from jaxmlp.diagnosis.finding import Finding, Limits, judged
from jaxmlp.nn import apply_mlp, losses_of
from jaxmlp.probes.flow import backward_flow
from jaxmlp.probes.laws import BATCH_NORM_GROWTH, finite_width_norm
from jaxmlp.probes.layer_statistics import dead_row_share, dead_unit_share, saturated_share
from jaxmlp.training import Net
from jaxmlp.training.regularized import penalty_of

DEVIATIONS = 4.0
"""A start so many standard deviations from the law's mean is not of that law."""
CLASS_LOSS_LIMITS = Limits(warn=2.0, fail=5.0)
"""Of the first loss over that of logits of 0, for losses with a softmax or a sigmoid inside. Logits of He's start add
about half their variance to ln K (C-417), which is less than ln K for the healthy nets of the tests: 2 lies beyond
them, by little for some. Tables that are not standardized lie far above. Five times is the loss of a net that is sure
and wrong: it has to be brought back before anything is learned."""
FREE_LOSS_LIMITS = Limits(warn=5.0, fail=100.0)
"""The same of losses that outputs enter as they are, such as squared error: outputs of variance 1 or 2 beside targets
of variance 1 make it 2 or 3. A hundred is outputs ten times as large as the targets; SO 48385830 lies above it."""
PENALTY_LIMITS = Limits(warn=1.0, fail=20.0)
"""Of what the penalty adds, over the loss: from 1 on training goes down the penalty first; at 20 times nothing else is
seen of the loss."""
SIGNAL_LIMITS = Limits(warn=1.5, fail=2.0)
"""Powers of ten between the spread of rows at the input and in the last hidden layer. The law of He's start has D0's
41 layers within a factor of 45 at four standard deviations, and shallower nets within less. A hundredth is
below that, and 1/n at 34 layers (A1), which halves the square a layer, far below. Where layers have one answer for
all rows, as T5's have, `units` tells it."""
GRADIENT_LIMITS = Limits(warn=3.0, fail=8.0)
"""Powers of ten between the gradients for the first and for the last hidden linear's output. Behind batch norm the law
gives D0's 41 layers 3.3, which train at first: that is worth a look. Eight is more than float32 tells apart in one
sum, so a penalty, or an ε of Adam's, is larger than the gradient."""
SATURATION_LIMITS = Limits(warn=0.5, fail=0.95)
"""Of the share of a layer's values that are saturated: Glorot's start has under a thousandth of them up to eight
layers of tanh; where nineteen of twenty have less than a twentieth of the slope, hardly any gradient comes through two
layers."""
DEATH_LIMITS = Limits(warn=0.5, fail=0.99)
"""Of the share of a layer's units that answer no row, or of rows that no unit answers. Narrow layers of ReLU have some
from the start, healthy ones too, and nets with half of them dead still learn (Q13); a layer
without any is a wall."""


def seen_at_start(net: Net, images: Array, labels: Array) -> dict[str, Any]:
    """What the checks of a start read, as NumPy; arguments as for `backward_flow`, jitted."""
    return jax.tree.map(np.asarray, _seen(net, images, labels))


@jax.jit
def _seen(net: Net, images: Array, labels: Array) -> dict[str, Any]:
    spec, x = net.spec, net.preprocessed(images)
    modes = {"train": False, "norm_stats": "batch", "update_norm": False}
    outputs, _, taps = apply_mlp(net.params, net.norm_state, x, spec=spec.mlp, hyper=net.hyper, **modes)
    active = [y for y in taps.activation if y is not None]
    saturates = spec.mlp.activation in ("sigmoid", "tanh")
    losses = partial(losses_of, spec.loss.name, labels=labels, hyper=net.hyper)
    return {
        "loss": jnp.mean(losses(logits=outputs)),
        "idle_loss": jnp.mean(losses(logits=_idle(outputs, labels))),
        "outputs": outputs,
        "spread": jnp.stack([_spread(x), *(_spread(y) for y in taps.linear)]),
        "dead_units": [dead_unit_share(y) for y in active],
        "dead_rows": [dead_row_share(y) for y in active],
        "saturated": [saturated_share(y, spec.mlp.activation) for y in active] if saturates else [],
        "gradients": backward_flow(net, images, labels, norm_stats="batch"),
    }


def _idle(outputs: Array, labels: Array) -> Array:
    """The outputs of a net that knows nothing of its inputs: logits of 0, or of numbers their mean."""
    if not jnp.issubdtype(labels.dtype, jnp.floating):
        return jnp.zeros_like(outputs)
    columns = labels.reshape(outputs.shape).astype(outputs.dtype)
    return jnp.broadcast_to(jnp.mean(columns, axis=0, keepdims=True), outputs.shape)


def _spread(y: Array) -> Array:
    """Root mean square over units of the standard deviation over rows."""
    return jnp.sqrt(jnp.mean(jnp.var(y, axis=0)))


def initial_loss(net: Net, seen: dict[str, Any]) -> list[Finding]:
    """The loss against that of an answer without inputs, ln K or the targets' variance; then what the penalty adds."""
    loss, idle = float(seen["loss"]), float(seen["idle_loss"])
    number = loss / idle if idle > 0 else math.nan
    numbers = net.spec.loss.task == "numbers"
    bounded = net.spec.loss.name in OWN_SOFTMAX or net.spec.loss.name == "binary_cross_entropy"
    of = "of the targets' mean" if numbers else "of logits of 0"
    sentence = f"loss {loss:.4g} at the start, {idle:.4g} {of}: {number:.3g} times"
    advice = "start with smaller outputs: another initializer, or a smaller --init-gain"
    limits = CLASS_LOSS_LIMITS if bounded else FREE_LOSS_LIMITS
    found = [judged("initial loss", number, sentence, advice, limits)]
    if net.spec.loss.penalty != "none":
        found.append(_penalty(net, loss))
    return found


def _penalty(net: Net, loss: float) -> Finding:
    added = float(penalty_of(net.params, net.spec.loss, net.hyper))
    sentence = f"the penalty raises the loss at the start from {loss:.4g} to {loss + added:.4g}"
    if not added > 0:
        return Finding("fail", "penalty", added, sentence, "a penalty must raise it: give --penalty-strength above 0")
    return judged("penalty", added / loss, sentence, "give a smaller --penalty-strength", PENALTY_LIMITS)


def answers(seen: dict[str, Any]) -> Finding:
    """Whether different rows have different outputs."""
    outputs = np.asarray(seen["outputs"], np.float64)
    largest = np.abs(outputs).max()
    cells = np.round(outputs / largest, 6) if largest > 0 else outputs
    number = len(np.unique(cells, axis=0))
    sentence = f"{number} different answers to {len(outputs)} rows"
    level = "fail" if number == 1 or not np.isfinite(outputs).all() else "pass"
    advice = "nothing of the inputs reaches the output: look at the lines on units, signal and output"
    return Finding(level, "answers", float(number), sentence, advice if level == "fail" else "")


def units_alike(net: Net) -> Finding:
    """Whether hidden units start different: units with the same weights stay alike for ever (C-102, C-103)."""
    shares = []
    for layer in net.params[:-1]:
        rows = np.concatenate(
            [np.asarray(value).reshape(len(layer["weight"]), -1) for value in _incoming(layer)], axis=1
        )
        shares.append(len(np.unique(rows, axis=0)) / len(rows))
    if not shares:
        return Finding("pass", "units", 1.0, "there is no hidden layer")
    least = int(np.argmin(shares))
    sentence = f"layer {least} has {shares[least]:.0%} of its units different at the start, others have more"
    if shares[least] == 1.0:
        return Finding("pass", "units", 1.0, "all hidden units start with weights of their own")
    level = "warn" if shares[least] > 0.5 else "fail"
    return Finding(level, "units", shares[least], sentence, "draw the weights at random: --initializer he_normal")


def _incoming(layer: dict[str, Array]) -> list[Array]:
    return [layer[name] for name in ("weight", "bias") if name in layer]


def signal(net: Net, seen: dict[str, Any]) -> Finding:
    """How much of what differs between rows reaches the last hidden layer, and what the law of the start allows."""
    spread = np.asarray(seen["spread"], np.float64)
    hidden, spec = spread[:-1], net.spec.mlp
    if spec.norm != "none" or len(hidden) < 2:
        return Finding("pass", "signal", 1.0, "norms keep its size" if len(hidden) > 1 else "there is no hidden layer")
    ratio = float(hidden[-1] / hidden[0]) if hidden[0] > 0 else math.nan
    sentence = f"rows differ by {hidden[0]:.3g} at the input and {hidden[-1]:.3g} in the last hidden layer{_band(net)}"
    off = abs(math.log10(ratio)) if ratio > 0 and math.isfinite(ratio) else math.nan
    advice = "keep it the same in every layer: --initializer he_normal for ReLU, xavier_normal for tanh, or a norm"
    return replace(judged("signal", off, sentence, advice, SIGNAL_LIMITS), number=ratio)


def _band(net: Net) -> str:
    spec = net.spec.mlp
    if spec.activation != "relu" or not spec.initializer.startswith("he_") or spec.residual != "none":
        return ""
    law = finite_width_norm(spec.widths[1:-1])
    low, high = (math.exp((law.mean + side * DEVIATIONS * law.deviation) / 2) for side in (-1, 1))
    return f"; the law of He's start has a norm's ratio within {low:.2g} and {high:.2g}"


def gradients(net: Net, seen: dict[str, Any]) -> Finding:
    """Whether every layer has a gradient, and how the first layer's compares with the last hidden one's."""
    weights, outputs = (np.asarray(seen["gradients"][f"{of}_gradient_norm"], np.float64) for of in ("weight", "output"))
    still = [i for i, norm in enumerate(weights) if not (norm > 0 and math.isfinite(norm))]
    if still:
        sentence = f"no gradient in layer {', '.join(map(str, still[:5]))}: zero, or not finite"
        return Finding(
            "fail", "gradients", 0.0, sentence, "look at units, dead units and signal: nothing is learned there"
        )
    ratio = float(outputs[0] / outputs[max(0, len(outputs) - 2)])
    sentence = f"norm of the gradient for the first linear's output {ratio:.3g} times the last hidden one's"
    if net.spec.mlp.norm == "batch_norm":
        sentence += f"; the law behind batch norm says {math.sqrt(BATCH_NORM_GROWTH) ** max(0, len(outputs) - 2):.3g}"
    advice = "keep it the same in every layer: another initializer, skips (--residual block), or fewer layers"
    return replace(judged("gradients", abs(math.log10(ratio)), sentence, advice, GRADIENT_LIMITS), number=ratio)


def dead_units(net: Net, seen: dict[str, Any]) -> Finding:
    """Whether units answer at all: those that are 0 for every row learn nothing; saturated ones hardly."""
    if seen["saturated"]:
        shares, what = np.asarray(seen["saturated"]), "of its values saturated"
        limits, advice = SATURATION_LIMITS, "start with smaller weights, or scale the inputs"
    else:
        shares, what = np.maximum(seen["dead_units"], seen["dead_rows"]), "of its units or rows without an answer"
        limits, advice = DEATH_LIMITS, "use leaky_relu, a norm, smaller biases, or wider layers"
    if not len(shares):
        return Finding("pass", "dead units", 0.0, "no layer has units that could die")
    layer = int(np.argmax(shares))
    return judged("dead units", float(shares[layer]), f"layer {layer} has {shares[layer]:.0%} {what}", advice, limits)

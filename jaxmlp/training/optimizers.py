"""Optimizers on optax, built inside the traced function from traced numbers.

`update` receives each step's rate η, from schedule and plateau: no optimizer counts a schedule itself. A row makes
optax's transformation of gradients from the run's numbers, in one of two forms. A user's is optax's own: its update is
added, θ ← θ + u, and η is the `hyper.learning_rate` that its maker finds. The documents' rows turn the gradient g into
a direction d, and `update` steps θ ← θ − η d. With the printing slips mended (A-24), and every ε outside the root:

    sgd          d = g                                                           S-071, S-075, S-076
    momentum     v ← m v + η g;                          θ ← θ − v               S-077 (D4)
    momentum_d2  v ← m v + g;                            d = v                   S-074 (D2), PyTorch's
    nesterov     v ← m v + η g;                          θ ← θ − (m v + η g)     S-078 (D4)
    adagrad      c ← c + g²;                             d = g/(√c + ε)          S-079 (D4)
    rmsprop      c ← r c + (1 − r) g²;                   d = g/(√c + ε)          S-080 (D4)
    adam         m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g²;
                 d = m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε)                          S-070 (D0), S-081 (D4 as printed)
    adam_nobc    the same m and v;                       d = m/(√v + ε)          S-081 (D4 as shipped)
    adamw        adam's d, plus weight_decay·θ           Loshchilov and Hutter 2019

D4's velocity holds the rate: after a cut of η it still carries the old steps, D2's is cut at once. At a constant rate
both are the same. D4's Nesterov rule takes the gradient at the look-ahead point θ + μv; the row is that rule written
for the look-ahead points themselves, which are the parameters one trains and tests: their iterates are equal.

A momentum of 0 makes the three velocities sgd. The direction of `adam_nobc` starts (1 − β₁)/√(1 − β₂) = 3.2 times as
long as Adam's.

Weight decay, where `OptimizerSpec` asks for it, adds weight_decay·θ to the gradient before any rule (S-074, C-308);
`adamw` alone adds it to the direction after the rule.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxmlp.components import Components, is_from
from jaxmlp.errors import InputError, check_choice
from jaxmlp.identity import added
from jaxmlp.nn import Params
from jaxmlp.nn.hyper import check_user_numbers
from jaxmlp.training.held import HeldRule, adam_by_held, by_held, hold_corrected
from jaxmlp.training.hyper import Hyper
from jaxmlp.training.packed import pack, unpack
from jaxmlp.training.regularized import is_regularized
from jaxmlp.typed import check_types


@dataclass(frozen=True)
class OptimizerSpec:
    """Which update rule, and what happens to the gradient before it.

    >>> OptimizerSpec("sgd", weight_decay=True).decays, OptimizerSpec("adam").decays
    (True, False)
    """

    name: str = "adam"
    """A key of `OPTIMIZERS`; an `Optimizer` or a function is registered and kept by its name."""
    weight_decay: bool = False
    """Add `Hyper.weight_decay`·θ to the gradient, after any clipping (S-074). Without clipping this moves the weights
    as penalty `l2` of half the strength does (C-308), but it stays out of the loss and can take in the biases. `adamw`
    always decays, in its own way."""
    decay_biases: bool = False
    """Biases decay too, as in D2 (S-074); a norm's scale and shift never do."""
    clip: bool = False
    """Scale the gradient of loss and penalty down to the norm `Hyper.clip_norm`, over all parameters together."""
    hold_second_moment: bool = added(False)
    """Go on with the second moment as it stands, by `Optimizer.held`. Of a run it is so from an epoch on, by the
    intervention `FreezeSecondMoment`: at the start there is none to hold."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", OPTIMIZERS.name_of(self.name))
        check_types(self)
        check_choice("optimizer", self.name, OPTIMIZERS)
        row = OPTIMIZERS[self.name]
        if self.weight_decay and row.decoupled:
            raise InputError(
                f"{self.name} decays by itself: leave weight_decay off, its strength is Hyper.weight_decay"
            )
        if self.decay_biases and not self.decays:
            raise InputError(f"decay_biases, and {self.name} without weight decay: turn weight_decay on, or this off")
        if self.decay_biases and row.decoupled and not row.direction:
            raise InputError(f"decay_biases, and {self.name} decides itself what decays: leave decay_biases off")
        if self.hold_second_moment and row.held is None:
            having = ", ".join(name for name, other in OPTIMIZERS.items() if other.held is not None)
            raise InputError(f"{self.name} has no second moment that can be held: choose one of {having}")

    @property
    def decays(self) -> bool:
        """Whether weights decay at all."""
        return self.weight_decay or OPTIMIZERS[self.name].decoupled


class Optimizer(NamedTuple):
    """An update rule: from a run's numbers to optax's transformation of gradients.

    `make` is called in every step, with traced numbers: it may compute with them but not ask Python what they are.
    The `learning_rate` that it finds is the rate of the step, of schedule and plateau; every other number is the run's.
    The transformation must do without further arguments, such as the loss's value.

    >>> import optax, jaxmlp.training as training
    >>> def lion(hyper):
    ...     return optax.lion(hyper.learning_rate, b1=hyper.beta1, b2=hyper.number("user.lion_beta2"))
    >>> row = training.Optimizer(lion, numbers=("user.lion_beta2",))
    >>> training.OptimizerSpec(training.OPTIMIZERS.register("lion", row)).name
    'lion'

    A rule of `Hyper`'s own numbers alone needs no row: `OptimizerSpec(lion)`.
    """

    make: Callable[[Hyper], optax.GradientTransformation]
    numbers: tuple[str, ...] = ()
    """The user's numbers that `make` reads, such as `user.lion_beta2`: a study hands over these alone."""
    decoupled: bool = False
    """It always decays, by `Hyper.weight_decay` and after the rule: what `OptimizerSpec.weight_decay` adds before the
    rule is refused. A direction is decayed by `update`; any other rule decays by itself."""
    elementwise: bool = False
    """Each number's update depends on this number's gradients alone: vectors of all layers may then be taken together,
    as `jaxmlp.training.packed` does. Not so where layers have norms of their own, as in LAMB."""
    direction: bool = False
    """The documents' form: it gives a direction d without the rate, and the step is θ ← θ − η d."""
    rate_inside: bool = False
    """Of a direction: η multiplies the gradient before the rule instead of the direction after it."""
    held: HeldRule | None = None
    """How it goes on with its second moment held; None where it has none, or does not say how."""


def _check_optimizer(row: Optimizer) -> None:
    if is_from("optax", row.make):
        raise InputError(
            f"{row.make.__name__} is optax's own, called with numbers: give a function of the run's, such as "
            f"lambda hyper: optax.{row.make.__name__}(hyper.learning_rate)"
        )
    check_user_numbers(row.numbers)
    if row.rate_inside and not row.direction:
        raise InputError("rate_inside is of rules that give a direction: leave it off, the rate is hyper.learning_rate")


def scale_by_adagrad(eps: Array | float) -> optax.GradientTransformation:
    """D4's AdaGrad (S-079): optax's own starts its cache at 0.1 and puts ε inside the root."""

    def init(params: Any) -> Any:
        return optax.ScaleByRssState(optax.tree.zeros_like(params))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        cache = jax.tree.map(lambda c, g: c + jnp.square(g), state.sum_of_squares, updates)
        return jax.tree.map(lambda g, c: g / (jnp.sqrt(c) + eps), updates, cache), optax.ScaleByRssState(cache)

    return optax.GradientTransformation(init, update)


class Moments(NamedTuple):
    """The state of uncorrected Adam, which counts no steps."""

    mu: Any
    nu: Any


def scale_by_uncorrected_adam(
    beta1: Array | float, beta2: Array | float, eps: Array | float
) -> optax.GradientTransformation:
    """Adam with both moments as they are, biased towards their start at 0 (S-081)."""

    def init(params: Any) -> Any:
        return Moments(optax.tree.zeros_like(params), optax.tree.zeros_like(params))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        mean = optax.tree.update_moment(updates, state.mu, beta1, 1)
        square = optax.tree.update_moment(updates, state.nu, beta2, 2)
        return jax.tree.map(lambda m, v: m / (jnp.sqrt(v) + eps), mean, square), Moments(mean, square)

    return optax.GradientTransformation(init, update)


def _adam(hyper: Hyper) -> optax.GradientTransformation:
    return optax.scale_by_adam(b1=hyper.beta1, b2=hyper.beta2, eps=hyper.adam_eps)


_HELD_ADAM = HeldRule(lambda hyper: adam_by_held(hyper.beta1, hyper.adam_eps, corrected=True), hold_corrected)
_HELD_CACHE = HeldRule(lambda hyper: by_held(hyper.cache_eps))

_documented = partial(Optimizer, elementwise=True, direction=True)

OPTIMIZERS: Components[Optimizer] = Components(
    "optimizer",
    Optimizer,
    {
        "sgd": _documented(lambda hyper: optax.identity()),
        "momentum": _documented(lambda hyper: optax.trace(hyper.momentum), rate_inside=True),
        "momentum_d2": _documented(lambda hyper: optax.trace(hyper.momentum)),
        "nesterov": _documented(lambda hyper: optax.trace(hyper.momentum, nesterov=True), rate_inside=True),
        "adagrad": _documented(lambda hyper: scale_by_adagrad(hyper.cache_eps), held=_HELD_CACHE),
        "rmsprop": _documented(
            lambda hyper: optax.scale_by_rms(hyper.rmsprop_decay, hyper.cache_eps, eps_in_sqrt=False),
            held=_HELD_CACHE,
        ),
        "adam": _documented(_adam, held=_HELD_ADAM),
        "adam_nobc": _documented(
            lambda hyper: scale_by_uncorrected_adam(hyper.beta1, hyper.beta2, hyper.cache_eps),
            held=HeldRule(lambda hyper: adam_by_held(hyper.beta1, hyper.cache_eps, corrected=False)),
        ),
        "adamw": _documented(_adam, decoupled=True, held=_HELD_ADAM),
    },
    from_function=Optimizer,
    check=_check_optimizer,
)
"""The library's own, and what `OPTIMIZERS.register` adds; `OptimizerSpec(name=function)` registers too."""


def folded(spec: OptimizerSpec, tree: Params) -> Any:
    """Parameters, or a gradient, as the spec's rule takes them: packed where it works on each number alone."""
    return pack(tree) if OPTIMIZERS[spec.name].elementwise else tree


def unfolded(spec: OptimizerSpec, tree: Any, like: Params) -> Params:
    """What `folded` made, in the structure of `like` again."""
    return unpack(tree, like) if OPTIMIZERS[spec.name].elementwise else tree


def init_optimizer(spec: OptimizerSpec, hyper: Hyper, params: Any) -> optax.OptState:
    """The optimizer's state before the first step, for parameters of any structure."""
    with jax.numpy_dtype_promotion("standard"):
        return OPTIMIZERS[spec.name].make(hyper).init(params)


def update(
    spec: OptimizerSpec,
    hyper: Hyper,
    learning_rate: Array | float,
    grads: Any,
    opt_state: optax.OptState,
    params: Any,
) -> tuple[Any, optax.OptState]:
    """One step: clip the gradient, add the decay, apply the rule.

    Args:
        spec: which rule, and whether it clips and decays.
        hyper: the run's numbers.
        learning_rate: η of this step.
        grads: the gradient, same structure as `params`.
        opt_state: from `init_optimizer` or the last `update`.
        params: θ; dicts of arrays by name at the leaves, since names say what decays.

    Returns:
        (new params, new opt_state), structures and dtypes unchanged; computed in float32 at least.
    """
    # optax mixes its int32 count with float32 moments, which strict promotion forbids.
    with jax.numpy_dtype_promotion("standard"):
        # 1 − β₂ is 0 in bfloat16: what is stored in fewer bits is computed in float32.
        dtype = jnp.promote_types(jnp.result_type(*jax.tree.leaves(params)), jnp.float32)
        hyper = jax.tree.map(lambda number: jnp.asarray(number, dtype), hyper)
        rate = jnp.asarray(learning_rate, dtype)
        after = _step(spec, hyper, rate, *(_floats_as(dtype, tree) for tree in (grads, opt_state, params)))
        return jax.tree.map(lambda new, old: new.astype(old.dtype), after, (params, opt_state))


def _step(
    spec: OptimizerSpec, hyper: Hyper, learning_rate: Array, grads: Any, opt_state: optax.OptState, params: Any
) -> tuple[Any, optax.OptState]:
    """`update`, of numbers and trees of one type."""
    rule = OPTIMIZERS[spec.name]
    if spec.clip:
        grads, _ = optax.clip_by_global_norm(hyper.clip_norm).update(grads, optax.EmptyState())
    if spec.decays and not rule.decoupled:
        grads = _add_decay(grads, params, spec, hyper)
    if not rule.direction:
        updates, opt_state = _rule_update(spec, hyper.replace(learning_rate=learning_rate))(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state
    if rule.rate_inside:
        grads = _scaled(grads, learning_rate)
    direction, opt_state = _rule_update(spec, hyper)(grads, opt_state, params)
    if rule.decoupled:
        direction = _add_decay(direction, params, spec, hyper)
    if not rule.rate_inside:
        direction = _scaled(direction, learning_rate)
    return jax.tree.map(jnp.subtract, params, direction), opt_state


def _rule_update(spec: OptimizerSpec, hyper: Hyper) -> optax.TransformUpdateFn:
    """The rule's own `update`, or that of its form with the second moment held."""
    rule = OPTIMIZERS[spec.name]
    if spec.hold_second_moment and rule.held is not None:
        return rule.held.update(hyper)
    return rule.make(hyper).update


def _floats_as(dtype: Any, tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, tree)


def _add_decay(tree: Any, params: Any, spec: OptimizerSpec, hyper: Hyper) -> Any:
    """The tree plus weight_decay·θ, at weights and, where the spec says so, at biases."""

    def add(path: tuple[Any, ...], leaf: Array, parameter: Array) -> Array:
        decays = is_regularized(path, biases=spec.decay_biases)
        return leaf + hyper.weight_decay * parameter if decays else leaf

    return jax.tree_util.tree_map_with_path(add, tree, params)


def _scaled(tree: Any, factor: Array) -> Any:
    return jax.tree.map(lambda leaf: factor * leaf, tree)

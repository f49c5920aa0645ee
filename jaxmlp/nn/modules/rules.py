"""`Linear`, `BatchNorm` and `LayerNorm`: flax's layers with this package's forward and backward rules."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from jaxmlp.errors import check_choice
from jaxmlp.nn.batch_norm import batch_norm_eval, batch_norm_train
from jaxmlp.nn.layer_norm_rule import layer_norm
from jaxmlp.nn.linear_rule import PRECISIONS, linear


class Linear(nnx.Linear):
    """y = x W + b with this package's forward and backward rule (S-020, S-021); `kernel` W is [I, O].

    >>> module = Linear(4, 3, rngs=nnx.Rngs(0))
    >>> module.kernel.shape, module(jnp.ones((5, 4))).shape
    ((4, 3), (5, 3))
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        use_bias: bool = True,
        kernel_init: Callable[..., Array] = nnx.initializers.lecun_normal(),  # noqa: B008 - flax's own default
        bias_init: Callable[..., Array] = nnx.initializers.zeros,
        products: str = "float32",
        rngs: nnx.Rngs,
    ) -> None:
        """A layer that draws its start as `nnx.Linear` does.

        Args:
            in_features: I.
            out_features: O.
            use_bias: whether there is a b.
            kernel_init: (key, (I, O), dtype) to W, flax's defaults.
            bias_init: (key, (O,), dtype) to b.
            products: one of `PRECISIONS`, of the forward and the backward products.
            rngs: draws from its stream `params`.

        Raises:
            InputError: unknown `products`.
        """
        check_choice("precision", products, PRECISIONS)
        super().__init__(
            in_features, out_features, use_bias=use_bias, kernel_init=kernel_init, bias_init=bias_init, rngs=rngs
        )
        self.products = products

    def __call__(self, inputs: Array) -> Array:  # pyright: ignore[reportIncompatibleMethodOverride] (no sharding)
        """[..., I] to [..., O]."""
        bias = None if self.bias is None else self.bias[...]
        rows = inputs.reshape(-1, self.in_features)
        y = linear(self.kernel[...].T, bias, rows, precision=self.products)
        return y.reshape(*inputs.shape[:-1], self.out_features)


class BatchNorm(nnx.BatchNorm):
    """Batch norm with this package's forward and backward rule (S-025, S-026), over the rows of [B, C].

    >>> module = BatchNorm(3, rngs=nnx.Rngs(0))
    >>> float(jnp.abs(module(jnp.arange(12.0).reshape(4, 3)).mean(axis=0)).max()) < 1e-6
    True
    """

    def __init__(
        self, num_features: int, *, momentum: float = 0.9, epsilon: float = 1e-5, rngs: nnx.Rngs, **inits: Any
    ) -> None:
        """A norm in training mode: it normalizes by its batch and moves its running statistics.

        Args:
            num_features: C.
            momentum: as flax has it, running ← momentum running + (1 − momentum) batch, the biased variance too.
            epsilon: ε of the variance.
            rngs: draws from its stream `params`, where `inits` draw.
            **inits: flax's `scale_init` and `bias_init`.
        """
        super().__init__(num_features, momentum=momentum, epsilon=epsilon, rngs=rngs, **inits)

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride] (no masks)
        self, x: Array, use_running_average: bool | None = None
    ) -> Array:
        """[B, C] to [B, C]: by the running statistics where this or, after `eval()`, the module says so; else by the
        batch's.
        """
        assert self.scale is not None
        assert self.bias is not None
        scale, shift, mean, var = (one[...] for one in (self.scale, self.bias, self.mean, self.var))
        if self.use_running_average if use_running_average is None else use_running_average:
            return batch_norm_eval(scale, shift, mean, var, x, self.epsilon)
        y, batch_mean, batch_var = batch_norm_train(scale, shift, x, self.epsilon)
        m = jnp.asarray(1.0 - self.momentum, x.dtype)
        for running, batch in ((self.mean, batch_mean), (self.var, batch_var)):
            running[...] = jax.lax.stop_gradient((1.0 - m) * running[...] + m * batch)
        return y


class LayerNorm(nnx.LayerNorm):
    """Layer norm as this package computes it (S-033), over the features of [B, C].

    >>> module = LayerNorm(3, rngs=nnx.Rngs(0))
    >>> module(jnp.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]))[:, 1].tolist()  # each row's mean becomes 0
    [0.0, 0.0]
    """

    def __init__(self, num_features: int, *, epsilon: float = 1e-5, rngs: nnx.Rngs, **inits: Any) -> None:
        """A norm without statistics.

        Args:
            num_features: C.
            epsilon: ε of the variance.
            rngs: draws from its stream `params`, where `inits` draw.
            **inits: flax's `scale_init` and `bias_init`.
        """
        super().__init__(num_features, epsilon=epsilon, rngs=rngs, **inits)

    def __call__(self, x: Array) -> Array:  # pyright: ignore[reportIncompatibleMethodOverride] (no masks)
        """[B, C] to [B, C]."""
        assert self.scale is not None
        assert self.bias is not None
        return layer_norm(self.scale[...], self.bias[...], x, self.epsilon)

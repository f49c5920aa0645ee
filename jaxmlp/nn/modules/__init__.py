"""flax modules whose forward and backward passes are the rules of this package, such as `MLP`.

Each is flax's own module, with flax's names, layouts and switches, and another computation: `Linear` is an `nnx.Linear`
that runs the hand-written rule of `jaxmlp.nn.linear`, one `custom_vjp` in the jaxpr, `BatchNorm` an `nnx.BatchNorm`
with that of `batch_norm`. So they go where flax's go: `nnx.Sequential`, `nnx.jit`, orbax, and `nnx.Optimizer` with any
transformation of optax.

    module = MLP(MLPSpec((64, 32, 10), norm="batch_norm"), rngs=nnx.Rngs(0))         # in training mode
    optimizer = nnx.Optimizer(module, optax.adam(1e-3), wrt=nnx.Param)
    loss, gradients = nnx.value_and_grad(lambda module: loss_of(module(x), labels))(module)
    optimizer.update(module, gradients)                                              # θ ← θ + u
    module.eval()

orbax saves and restores a module's state, also into one that was never drawn:

    with orbax.checkpoint.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder, nnx.state(module))                                 # an absolute path
    graph, shapes = nnx.split(nnx.eval_shape(lambda: MLP(spec, rngs=nnx.Rngs(0))))
    with orbax.checkpoint.StandardCheckpointer() as checkpointer:
        module = nnx.merge(graph, checkpointer.restore(folder, shapes))

Who knows flax's `TrainState` finds its habits in `jaxmlp.training`, line by line:

    state = TrainState.create(apply_fn=..., params=params, tx=optax.adam(1e-3))
        state = init_train_state(params, norm_state, spec=spec, hyper=hyper)         # spec.optimizer makes the tx
    grads = jax.grad(loss_fn)(state.params)
    state = state.apply_gradients(grads=grads)
        state, loss = train_step(state, x, labels, spec=spec, hyper=hyper)           # of `objective`, and its update
    state.apply_fn({"params": state.params}, x)
        apply_mlp(state.params, state.norm_state, x, spec=spec.mlp, hyper=hyper, train=False)

What differs from `jaxmlp.nn.Params` is flax's: a kernel is the weight transposed, [I, O]; the `bias` of a norm is its
shift; `momentum` is 1 − m of the running statistics. `MLP.from_params` and `MLP.to_params` go both ways.

Loaded when it is asked for, as `jaxmlp.nn.modules`: `flax.nnx` takes its time.
"""

from jaxmlp.nn.modules.mlp import MLP
from jaxmlp.nn.modules.rules import BatchNorm, LayerNorm, Linear

__all__ = ["MLP", "BatchNorm", "LayerNorm", "Linear"]

"""One run from its seed to its test score: `init_run`, `train_epoch`, `end_epoch`, `end_run`.

All are pure and know nothing of other runs; `jaxmlp.study` maps them over lanes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.data import PREPROCESSINGS, Dataset, split_indices
from jaxmlp.nn import init_mlp
from jaxmlp.training.evaluation import evaluate, evaluate_each, evaluate_in_train_mode
from jaxmlp.training.hyper import Hyper
from jaxmlp.training.net import Net
from jaxmlp.training.packed import pack
from jaxmlp.training.plateau import EarlyStop, Plateau
from jaxmlp.training.randomness import Stream, shuffled, stream_key
from jaxmlp.training.score import balanced_weights, score_of_guessing
from jaxmlp.training.spec import RunSpec
from jaxmlp.training.state import RunState, RunStatus, Selection, metrics_of, score_column
from jaxmlp.training.step import TrainState, counted_step, init_train_state, learning_rate
from jaxmlp.training.step_log import StepLog
from jaxmlp.training.trained import net_of


def init_run(seed: Array | int, dataset: Dataset, *, spec: RunSpec, hyper: Hyper) -> RunState:
    """A run that is ready to train, epoch 0 measured; the arguments are those of `start_run`.

    >>> from jaxmlp import data, nn, training
    >>> spec = training.RunSpec(nn.MLPSpec((4, 3), initializer="zeros"), training.DataSpec(preprocessing="none"))
    >>> run = init_run(0, jax.device_put(data.load("iris")), spec=spec, hyper=training.Hyper())
    >>> round(float(run.history["val_loss"][0]), 4)  # ln 3
    1.0986
    """
    run = start_run(seed, dataset, spec=spec, hyper=hyper)
    return end_epoch(run, dataset, spec=spec, hyper=hyper, epoch=0)


def start_run(seed: Array | int, dataset: Dataset, *, spec: RunSpec, hyper: Hyper) -> RunState:
    """Split, fit the preprocessing, and draw the network; nothing is measured yet.

    Args:
        seed: the run's seed; may be traced.
        dataset: on the device.
        spec: the run's structure.
        hyper: the run's numbers, within their ranges: `study.run` calls `check_hyper` for its arms, nothing here does,
            since they may be traced.

    >>> from jaxmlp import data, nn, training
    >>> spec = training.RunSpec(nn.MLPSpec((4, 3)), training.DataSpec(preprocessing="none"))
    >>> run = start_run(0, data.load("iris"), spec=spec, hyper=training.Hyper())
    >>> run.train_index.shape, run.val_index.shape, int(run.train.step)
    ((96,), (24,), 0)
    """
    num_examples = dataset.train_inputs.shape[0]
    split_key = stream_key(seed, Stream.SPLIT, 0)
    train_index, val_index = split_indices(spec.data.split, split_key, num_examples, dataset.train_targets)
    train_index = train_index[: spec.data.num_train(num_examples)]
    params, norm_state = init_mlp(stream_key(seed, Stream.INIT), spec.mlp, hyper)
    best = None
    if spec.evaluation.selection == "best_validation":
        best = Selection(pack(params), pack(norm_state), jnp.full((), -jnp.inf), jnp.zeros((), jnp.int32))
    log = None
    if spec.evaluation.log_every is not None:
        log = StepLog.start(spec.epochs * _steps_per_epoch(dataset, spec) // spec.evaluation.log_every)
    weights = None
    if spec.loss.class_weights == "balanced":
        weights = balanced_weights(dataset.train_targets[train_index], dataset.num_classes)
    return RunState(
        seed=jnp.asarray(seed),
        train_index=train_index,
        val_index=val_index,
        preprocessing=PREPROCESSINGS[spec.data.preprocessing].fit(dataset.train_inputs, train_index),
        train=init_train_state(params, norm_state, spec=spec, hyper=hyper),
        best=best,
        plateau=Plateau.start() if spec.schedule.plateau else None,
        early_stop=EarlyStop.start() if spec.evaluation.early_stopping else None,
        log=log,
        class_weights=weights,
        loss_sum=jnp.zeros(()),
        status=jnp.full((), RunStatus.TRAINING, jnp.int8),
        ended_epoch=jnp.zeros((), jnp.int32),
        history={name: jnp.zeros((spec.epochs + 1,)) for name in metrics_of(spec)},
        measured={name: jnp.zeros((spec.epochs + 1,), bool) for name in metrics_of(spec)},
    )


_Progress = tuple[TrainState, StepLog | None, Array]
"""What a step changes of a run; the array is the epoch's `loss_sum`."""


def _alone(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def train_epoch(
    run: RunState,
    dataset: Dataset,
    *,
    spec: RunSpec,
    hyper: Hyper,
    epoch: Array | int,
    first: Array | int = 0,
    count: Array | int | None = None,
    lanes: Callable[[Callable[..., Any]], Callable[..., Any]] = _alone,
) -> RunState:
    """Train one epoch, or `count` steps of it from step `first` on.

    Pieces of an epoch in turn give the numbers of the whole, bit for bit. Batches are gathered as stored
    (uint8) and preprocessed inside the step.

    Args:
        run: before.
        dataset: on the device.
        spec: the run's structure.
        hyper: the run's numbers, unchecked as in `start_run`.
        epoch: 1 for the first; names the order of the data.
        first: steps of this epoch already done.
        count: steps to do; default: all that remain.
        lanes: `jax.vmap` where `run` and `hyper` are stacked, [W] each: many runs in the same steps. Mapping what is
            done in a step, instead of this whole function, keeps the loop out of the map: JAX batches a loop's body
            twice, and a deep net is long to trace.

    Returns:
        The run after these steps.

    >>> from jaxmlp import data, nn, training
    >>> spec = training.RunSpec(nn.MLPSpec((4, 3)), training.DataSpec(preprocessing="none", batch_size=32))
    >>> hyper = training.Hyper()
    >>> iris = jax.device_put(data.load("iris"))
    >>> run = train_epoch(start_run(0, iris, spec=spec, hyper=hyper), iris, spec=spec, hyper=hyper, epoch=1)
    >>> int(run.train.step)  # the 96 training rows in batches of 32
    3
    """
    batch = spec.data.batch_size
    with jax.named_scope("order"):
        order = lanes(lambda run: _order(run, spec, epoch))(run)
    if count is None:
        count = _steps_per_epoch(dataset, spec) - first

    def step(progress: _Progress, run: RunState, hyper: Hyper, rows: Array) -> _Progress:
        train, log, loss_sum = progress
        x, labels, key, rate = _batch(run, train.step, rows, dataset, spec=spec, hyper=hyper)
        more = {"rate": rate, "key": key, "class_weights": run.class_weights}
        train, loss, score = counted_step(train, x, labels, spec=spec, hyper=hyper, **more)
        if log is not None and spec.evaluation.log_every is not None:
            log = log.after_step(train.step, loss, score, spec.evaluation.log_every)
        return train, log, loss_sum + loss

    def steps(i: Array, progress: _Progress) -> _Progress:
        rows = jax.lax.dynamic_slice_in_dim(order, (first + i) * batch, batch, axis=-1)
        return lanes(step)(progress, run, hyper, rows)

    train, log, loss_sum = jax.lax.fori_loop(0, count, steps, (run.train, run.log, run.loss_sum))
    return lanes(_unless_stopped)(run, run.replace(train=train, log=log, loss_sum=loss_sum))


class Batch(NamedTuple):
    """The inputs of one training step, besides the run's state.

    >>> Batch(jnp.ones((64, 784)), jnp.zeros(64, int), key=None, rate=jnp.array(0.5)).x.shape
    (64, 784)
    """

    x: Array
    """Preprocessed, [B, I]."""
    labels: Array
    """[B]."""
    key: Array | None
    """For dropout, where the network has it."""
    rate: Array
    """η."""


def next_batch(run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper) -> Batch:
    """Return rows, labels, key and rate of the run's next step, wherever it stands; arguments as in `start_run`.

    >>> from jaxmlp import data, nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3)), training.DataSpec(preprocessing="none")), training.Hyper()
    >>> iris = data.load("iris")
    >>> batch = next_batch(start_run(0, iris, spec=spec, hyper=hyper), iris, spec=spec, hyper=hyper)
    >>> batch.x.shape, round(float(batch.rate), 6)
    ((64, 4), 0.001)
    """
    steps, batch = _steps_per_epoch(dataset, spec), spec.data.batch_size
    done = run.train.step
    order = _order(run, spec, done // steps + 1)
    rows = jax.lax.dynamic_slice_in_dim(order, done % steps * batch, batch)
    return _batch(run, done, rows, dataset, spec=spec, hyper=hyper)


def _batch(run: RunState, step: Array, rows: Array, dataset: Dataset, *, spec: RunSpec, hyper: Hyper) -> Batch:
    with jax.named_scope("batch"):
        x = PREPROCESSINGS[spec.data.preprocessing].apply(run.preprocessing, dataset.train_inputs[rows])
        labels = dataset.train_targets[rows]
    key = stream_key(run.seed, Stream.DROPOUT, step) if spec.mlp.dropout != "none" else None
    return Batch(x, labels, key, _rate(run, step, dataset, spec=spec, hyper=hyper))


def _order(run: RunState, spec: RunSpec, epoch: Array | int) -> Array:
    """The rows of the training part in the order of an epoch."""
    if not spec.data.shuffle:
        return run.train_index
    return shuffled(stream_key(run.seed, Stream.SHUFFLE, epoch), run.train_index)


def end_epoch(run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper, epoch: Array | int) -> RunState:
    """Measure a run after an epoch, and do what follows from the numbers.

    Divergence is noted, the best model so far is kept (S-090, S-091), the rate may be cut (S-073) and the run may end
    (S-084). Epoch 0 is before training: it is only measured.

    >>> from jaxmlp import data, nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3)), training.DataSpec(preprocessing="none")), training.Hyper()
    >>> iris = jax.device_put(data.load("iris"))
    >>> run = end_epoch(start_run(0, iris, spec=spec, hyper=hyper), iris, spec=spec, hyper=hyper, epoch=0)
    >>> 0.0 <= float(run.history["val_accuracy"][0]) <= 1.0
    True
    """
    epoch = jnp.asarray(epoch)
    after = _measure(run, dataset, epoch, spec=spec, hyper=hyper)
    # Lost or not measured: no lower loss than any before.
    val_loss = jnp.where(after.measured["val_loss"][epoch], after.history["val_loss"][epoch], jnp.inf)
    watched = val_loss
    if spec.evaluation.stop_on == "error" and spec.evaluation.early_stopping:
        error = 1.0 - after.history[score_column("val", spec)][epoch]
        watched = jnp.where(jnp.isfinite(val_loss) & ~after.diverged, error, jnp.inf)
    after = after.replace(
        loss_sum=jnp.zeros_like(run.loss_sum),
        plateau=_from_epoch_1(epoch, run.plateau, lambda plateau: plateau.after_epoch(val_loss, hyper)),
        early_stop=_from_epoch_1(epoch, run.early_stop, lambda stop: stop.after_epoch(watched, hyper)),
    )
    return _unless_stopped(run, _unless_over(after, epoch, spec))


def _unless_over(run: RunState, epoch: Array, spec: RunSpec) -> RunState:
    """The run with its status after this epoch; what diverged stays so, whatever its early stop made of it."""
    over = jnp.where(epoch == spec.epochs, RunStatus.DONE, RunStatus.TRAINING)
    if run.early_stop is not None:
        stopped = run.early_stop.stopped & (epoch < spec.epochs)
        over = jnp.where(stopped, RunStatus.STOPPED_EARLY, over)
    return _with_status(run, over, epoch)


def _with_status(run: RunState, status: Array, epoch: Array) -> RunState:
    """The run with what became of it in an epoch; the first end counts."""
    news = ~run.ended & (status != RunStatus.TRAINING)
    return run.replace(
        status=jnp.where(news, status, run.status),
        ended_epoch=jnp.where(news, epoch.astype(jnp.int32), run.ended_epoch),
    )


def _from_epoch_1(epoch: Array, watch: Any, after: Callable[[Any], Any]) -> Any:
    """What watches the validation loss, after this epoch; there may be none, and epoch 0 does not count."""
    if watch is None:
        return None
    return jax.tree.map(lambda new, old: jnp.where(epoch > 0, new, old), after(watch), watch)


def end_run(run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper) -> RunState:
    """Test the selected model; fills the test columns of the last epoch that was trained.

    >>> from jaxmlp import data, nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3)), training.DataSpec(preprocessing="none")), training.Hyper()
    >>> iris = jax.device_put(data.load("iris"))
    >>> run = end_run(init_run(0, iris, spec=spec, hyper=hyper), iris, spec=spec, hyper=hyper)
    >>> 0.0 <= float(run.history["test_accuracy"][-1]) <= 1.0
    True
    """
    if spec.evaluation.test_every_epoch:
        return run  # it selects the last model, and that is tested: a net less to compile
    # A diverged run has rows to the end.
    stopped = run.status == RunStatus.STOPPED_EARLY
    last = jnp.where(stopped, run.ended_epoch, spec.epochs)
    row = _test(net_of(run.replace(train=run.selected), spec=spec, hyper=hyper), dataset)
    return _written(run, row, jnp.arange(spec.epochs + 1) == last, dataset, spec)


def _test(net: Net, dataset: Dataset) -> dict[str, Array]:
    """Loss and score of a model on the test set."""
    index = jnp.arange(dataset.test_inputs.shape[0], dtype=jnp.int32)
    loss, score = evaluate(net, dataset.test_inputs, dataset.test_targets, index)
    return {"test_loss": loss, score_column("test", net.spec): score}


def _written(run: RunState, row: dict[str, Array], rows: Array, dataset: Dataset, spec: RunSpec) -> RunState:
    """The run with these numbers in `rows` ([E + 1] bool) of its history; a diverged one's losses are none, and its
    scores those of guessing.
    """
    history, measured = dict(run.history), dict(run.measured)
    scores = [score_column(part, spec) for part in ("train", "val", "test")]
    for name, value in row.items():
        here = rows
        if name.endswith("_loss"):
            here = rows & ~run.diverged & ~jnp.isnan(value)
        elif name in scores:
            value = jnp.where(run.diverged, score_of_guessing(spec, dataset.num_classes), value)
        history[name] = jnp.where(here, value, history[name])
        measured[name] = measured[name] | here
    return run.replace(history=history, measured=measured)


def _measure(run: RunState, dataset: Dataset, epoch: Array, *, spec: RunSpec, hyper: Hyper) -> RunState:
    """Evaluate, note divergence, select, and write this epoch's row."""
    run, row = _evaluated(run, dataset, epoch, spec=spec, hyper=hyper)
    train_loss = run.loss_sum / _steps_per_epoch(dataset, spec)
    lost_before, epochs = run.diverged, jnp.arange(spec.epochs + 1)
    run = _with_status(run, _lost(train_loss, row.get("val_loss"), epoch), epoch)
    best = _select(run, row.get(score_column("val", spec)), epoch)
    row["learning_rate"] = _rate(run, jnp.maximum(run.train.step - 1, 0), dataset, spec=spec, hyper=hyper)
    row["selected_epoch"] = (epoch if best is None else best.epoch).astype(jnp.float32)
    row["diverged"] = run.diverged.astype(jnp.float32)
    if spec.evaluation.test_every_epoch:
        row |= _test(net_of(run, spec=spec, hyper=hyper), dataset)
    # A diverged run is frozen: its row stands for all epochs to come.
    now = ~lost_before & ((epochs == epoch) | (run.diverged & (epochs > epoch)))
    run = _written(run.replace(best=best), row, now, dataset, spec)
    return _written(run, {"train_loss": train_loss}, now & (epochs > 0), dataset, spec)  # epoch 0 had no batch


def _evaluated(run: RunState, dataset: Dataset, epoch: Array, *, spec: RunSpec, hyper: Hyper):
    """(the run, its statistics moved where validation does that, what its validation and training parts give)."""

    def on(rule, rows: Any, **more: Array) -> Any:
        net = net_of(run, spec=spec, hyper=hyper)
        return rule(net, dataset.train_inputs, dataset.train_targets, rows, **more)

    train_rows = run.train_index[: spec.evaluation.train_subset]
    train, val = score_column("train", spec), score_column("val", spec)
    if run.val_index.shape[0] == 0:
        return run, {train: on(evaluate, train_rows)[1]}
    if spec.evaluation.validation == "d4_shipped":
        # First, since all that is measured or kept after it has the statistics it leaves.
        steps, batch = _steps_per_epoch(dataset, spec), spec.data.batch_size
        after = spec.steps_after_validation(dataset.train_inputs.shape[0])
        trained = _order(run, spec, epoch)[(steps - after) * batch : steps * batch]
        val_loss, val_score, norm_state = on(evaluate_in_train_mode, run.val_index, then=trained)
        run = run.replace(train=run.train.replace(norm_state=norm_state))
        _, train_score = on(evaluate, train_rows)
    else:
        (val_loss, val_score), (_, train_score) = on(evaluate_each, [run.val_index, train_rows])
    return run, {train: train_score, "val_loss": val_loss, val: val_score}


def _lost(train_loss: Array, val_loss: Array | None, epoch: Array) -> Array:
    """The status that an epoch's losses make. At epoch 0 none is news: nothing has trained yet, and running variances
    that start at 0 overflow through a deep net.
    """
    lost = ~jnp.isfinite(train_loss)
    if val_loss is not None:
        lost |= ~jnp.isfinite(val_loss)
    return jnp.where((epoch > 0) & lost, RunStatus.DIVERGED, RunStatus.TRAINING)


def _steps_per_epoch(dataset: Dataset, spec: RunSpec) -> int:
    return spec.data.steps_per_epoch(dataset.train_inputs.shape[0])


def _rate(run: RunState, step: Array, dataset: Dataset, *, spec: RunSpec, hyper: Hyper) -> Array:
    """η at a step of the present epoch."""
    scale = None if run.plateau is None else run.plateau.scale
    steps = _steps_per_epoch(dataset, spec)
    return learning_rate(step, spec=spec, hyper=hyper, steps_per_epoch=steps, scale=scale)


def _unless_stopped(run: RunState, after: RunState) -> RunState:
    """The run after something, or as it was where it has stopped early."""
    stop = run.early_stop
    if stop is None:
        return after
    return jax.tree.map(lambda new, old: jnp.where(stop.stopped, old, new), after, run)


def _select(run: RunState, val_score: Array | None, epoch: Array) -> Selection | None:
    """The better of the kept model and the present one; epoch 0, before training, and lost models never count."""
    if run.best is None or val_score is None:
        return None
    better = (epoch > 0) & (val_score > run.best.val_score) & ~run.diverged
    model = pack(run.train.params), pack(run.train.norm_state)
    present = Selection(*model, val_score, epoch.astype(jnp.int32))
    return jax.tree.map(lambda new, old: jnp.where(better, new, old), present, run.best)

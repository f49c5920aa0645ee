"""`check`: look at a net and its data before training, in seconds; what fails here no long run repairs."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmlp.data import Dataset
from jaxmlp.diagnosis.data_checks import inputs_scale, labels_seen, order_of_rows, output_fits, targets_scale
from jaxmlp.diagnosis.finding import Finding
from jaxmlp.diagnosis.gradient_checks import gradient_of_net
from jaxmlp.diagnosis.outcomes import check_setting
from jaxmlp.diagnosis.overfit import overfits, overfits_more, varied_rows
from jaxmlp.diagnosis.setting import Setting
from jaxmlp.diagnosis.start_checks import (
    answers,
    dead_units,
    gradients,
    initial_loss,
    seen_at_start,
    signal,
    units_alike,
)
from jaxmlp.study.arms import check_seeds
from jaxmlp.training import (
    Hyper,
    RunSpec,
    RunState,
    Stream,
    hyper_of,
    hyper_values,
    net_of,
    start_run,
    stream_key,
)

ROWS = 1000
"""The first so many of the training part are looked at."""
FEW, MORE = 20, 200
"""Rows that a net is to overfit."""


def check(spec: RunSpec, hyper: Hyper, dataset: Dataset, *, seed: int = 0) -> list[Finding]:
    """Look at a run before it trains: data, output, loss, gradients, values of every layer, and whether it can learn.

    Args:
        spec: the run's structure.
        hyper: its numbers.
        dataset: on the host.
        seed: of the start that is looked at.

    Returns:
        The findings in order: of the data, of the start, and of training on a few rows. None failed where nothing is
        wrong that can be seen before training.

    Raises:
        InputError: a setting, data or a seed that no study takes.

    >>> from jaxmlp import data, nn, training
    >>> spec = training.RunSpec(nn.MLPSpec((4, 8, 3), initializer="zeros"), training.DataSpec(preprocessing="none"))
    >>> found = check(spec, training.Hyper(), data.load("iris"))
    >>> [one.name for one in found if one.level == "fail"]
    ['answers', 'units', 'signal', 'gradients', 'dead units', 'overfit 20']
    """
    check_setting(Setting(spec, hyper), dataset)
    check_seeds([seed])
    numbers = hyper_of(hyper_values(hyper))
    run = jax.jit(start_run, static_argnames="spec")(seed, dataset, spec=spec, hyper=numbers)
    return [*_data_findings(run, spec, dataset), *_start_findings(run, spec, numbers, dataset)]


def _data_findings(run: RunState, spec: RunSpec, dataset: Dataset) -> list[Finding]:
    train, val = np.asarray(run.train_index), np.asarray(run.val_index)
    labels = np.asarray(dataset.train_targets)
    net = net_of(run, spec=spec, hyper=Hyper())
    x = np.asarray(net.preprocessed(jnp.asarray(dataset.train_inputs[train[:ROWS]])))
    found = [inputs_scale(x)]
    if dataset.task == "numbers":
        found.append(targets_scale(labels[train]))
    else:
        others = {"validation": labels[val], "test": np.asarray(dataset.test_targets)}
        found += [*labels_seen(labels[train], others, dataset), order_of_rows(labels[train], spec)]
    return [*found, output_fits(spec, labels[train])]


def _start_findings(run: RunState, spec: RunSpec, hyper: Hyper, dataset: Dataset) -> list[Finding]:
    train = np.asarray(run.train_index)
    images, labels = (np.asarray(part)[train] for part in (dataset.train_inputs, dataset.train_targets))
    net = net_of(run, spec=spec, hyper=hyper)
    seen = seen_at_start(net, jnp.asarray(images[:ROWS]), jnp.asarray(labels[:ROWS]))
    found = [*initial_loss(net, seen), answers(seen), units_alike(net), signal(net, seen)]
    found += [gradients(net, seen), dead_units(net, seen)]
    few, more = (varied_rows(labels, count, dataset.num_classes) for count in (FEW, MORE))
    x = np.asarray(net.preprocessed(jnp.asarray(images[more])))
    key, weights = stream_key(run.seed, Stream.PROBE, 0), run.class_weights
    rows = {"spec": spec, "hyper": hyper, "key": key, "class_weights": weights}
    found.append(gradient_of_net(net.params, net.norm_state, x[: len(few)], labels[few], **rows))
    found += overfits(net, jnp.asarray(x[: len(few)]), jnp.asarray(labels[few]))
    return [*found, overfits_more(net, jnp.asarray(x), jnp.asarray(labels[more]))]

"""jaxmlp: why an MLP trains or does not, with evidence.

The rooms; imports only point downwards in this list:

    cli        the command jaxmlp: train, why, test, predict
    diagnosis  why a net does not train: counterfactuals, trained and judged
    evidence   statistics, claims and verdicts, figures, the HTML report
    study      grid -> groups -> blocks of lanes; progress, tidy results
    probes     what is watched while runs train, each into a table of its own
    training   RunSpec and Hyper, optimizers, schedules, one step, one epoch, evaluation
    baselines  what networks are compared with: nearest neighbours, linear classifiers, searches, folds
    data       where images come from, preprocessing, splits
    nn         layers, activations, initializers, losses, networks: pure functions

One legend of axis letters holds for every docstring: B batch, I inputs, O outputs, C features,
K classes, N examples, E epochs, S seeds, W lanes (runs that share one compiled program).
"""

__version__ = "0.1.0"

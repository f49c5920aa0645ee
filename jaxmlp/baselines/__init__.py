"""What networks are compared with: nearest neighbours, linear classifiers, random search; and how one selects."""

from jaxmlp.baselines.cross_validation import Fold, cross_validate, k_folds
from jaxmlp.baselines.ensemble import ensemble_vote, mean_probabilities
from jaxmlp.baselines.hyperparameter_search import SearchResult, log_grid_search, log_random_search
from jaxmlp.baselines.knn import DISTANCES, knn_classify, nearest_neighbours, neighbour_votes
from jaxmlp.baselines.linear_classifier import (
    LINEAR_LOSSES,
    linear_classify,
    linear_objective,
    minibatches,
    train_linear_classifier,
)
from jaxmlp.baselines.random_linear import random_search
from jaxmlp.baselines.voting import majority_vote

__all__ = [
    "DISTANCES",
    "LINEAR_LOSSES",
    "Fold",
    "SearchResult",
    "cross_validate",
    "ensemble_vote",
    "k_folds",
    "knn_classify",
    "linear_classify",
    "linear_objective",
    "log_grid_search",
    "log_random_search",
    "majority_vote",
    "mean_probabilities",
    "minibatches",
    "nearest_neighbours",
    "neighbour_votes",
    "random_search",
    "train_linear_classifier",
]

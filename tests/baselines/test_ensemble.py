"""S-111: mean of probabilities and majority vote, against scikit-learn's two votings."""

import jax
import numpy as np
import pytest
from scipy.special import softmax
from sklearn.ensemble import VotingClassifier

from jaxmlp.baselines import ensemble_vote, majority_vote, mean_probabilities
from jaxmlp.errors import InputError

LOGITS = np.random.default_rng(0).normal(scale=2.0, size=(4, 60, 3))  # an even number of voters: ties happen


class Constant:
    """A classifier of scikit-learn's interface that answers with given logits."""

    def __init__(self, logits):
        self.logits = logits

    def predict(self, x):
        return self.logits.argmax(axis=1)

    def predict_proba(self, x):
        return softmax(self.logits, axis=1)


def scikit_learn(voting):
    ensemble = VotingClassifier([(str(i), None) for i in range(len(LOGITS))], voting=voting)
    ensemble.estimators_ = [Constant(logits) for logits in LOGITS]
    ensemble.le_ = type("Identity", (), {"inverse_transform": staticmethod(lambda labels: labels)})()
    return ensemble


def test_mean_of_probabilities_is_scikit_learn_s_soft_voting(x64):
    mine = np.asarray(jax.jit(mean_probabilities)(LOGITS))
    np.testing.assert_allclose(mine, scikit_learn("soft").predict_proba(None), rtol=1e-12)
    np.testing.assert_allclose(mine.sum(axis=1), 1, rtol=1e-12)


def test_vote_is_scikit_learn_s_hard_voting():
    votes = LOGITS.argmax(axis=2)
    tied = [np.ptp(np.sort(np.bincount(column, minlength=3))[-2:]) == 0 for column in votes.T]
    assert 0 < sum(tied) < 60
    np.testing.assert_array_equal(jax.jit(ensemble_vote)(LOGITS), scikit_learn("hard").predict(np.zeros((60, 1))))


def test_the_two_differ_where_one_network_is_sure_and_two_waver():
    logits = np.log(np.array([[[0.01, 0.99]], [[0.6, 0.4]], [[0.6, 0.4]]], np.float32))
    assert jax.jit(ensemble_vote)(logits) == 0
    np.testing.assert_allclose(jax.jit(mean_probabilities)(logits), [[1.21 / 3, 1.79 / 3]], rtol=1e-6)


def test_an_ensemble_s_cross_entropy_is_at_most_its_members_mean(x64):
    labels = np.random.default_rng(1).integers(0, 3, 60)
    of_mean = -np.log(np.asarray(jax.jit(mean_probabilities)(LOGITS))[np.arange(60), labels])
    members = [-np.log(softmax(z, axis=1)[np.arange(60), labels]) for z in LOGITS]
    assert np.all(of_mean <= np.mean(members, axis=0))
    assert np.all(of_mean >= np.min(members, axis=0))


@pytest.mark.parametrize("ensemble", [mean_probabilities, ensemble_vote])
@pytest.mark.parametrize("shape", [(5, 3), (0, 5, 3), (4, 5, 1)])
def test_other_shapes_are_refused(ensemble, shape):
    with pytest.raises(InputError, match=r"logits have shape \(.*\): give \[M, B, K\] of at least one network"):
        ensemble(np.zeros(shape))
    with pytest.raises(InputError, match=r"votes have shape \(3,\): give \[V, B\]"):
        majority_vote(np.zeros(3, np.int32), 10)

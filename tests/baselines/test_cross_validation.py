"""S-104: folds of scikit-learn's sizes, every example validated on once, scores stacked."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from jaxmlp.baselines import cross_validate, k_folds, knn_classify
from jaxmlp.data import load
from jaxmlp.errors import InputError


@pytest.mark.parametrize(("num_examples", "num_folds"), [(10, 5), (11, 5), (14, 5), (7, 7), (2, 2), (1000, 3)])
def test_folds_are_scikit_learn_s(num_examples, num_folds):
    folds = k_folds(num_examples, num_folds)
    theirs = list(KFold(num_folds).split(np.zeros(num_examples)))
    assert len(folds) == len(theirs)
    for mine, (train, val) in zip(folds, theirs, strict=True):
        np.testing.assert_array_equal(mine.train_index, train)
        np.testing.assert_array_equal(mine.val_index, val)


def test_a_key_shuffles_and_every_example_is_validated_on_once():
    folds = jax.device_get(k_folds(23, 4, jax.random.key(0)))
    assert sorted(np.concatenate([fold.val_index for fold in folds])) == list(range(23))
    for fold in folds:
        assert sorted(np.concatenate(fold)) == list(range(23))
    assert [len(fold.val_index) for fold in folds] == [6, 6, 6, 5]
    assert (folds[0].val_index != np.arange(6)).any()
    other = jax.device_get(k_folds(23, 4, jax.random.key(1)))
    assert (folds[0].val_index != other[0].val_index).any()


def test_scores_of_folds_are_scikit_learn_s_and_several_candidates_share_a_pass():
    digits = load("digits")
    images, labels = np.asarray(digits.train_inputs[:203]), np.asarray(digits.train_targets[:203])
    ks = (1, 5)

    def accuracy(train, val):
        predicted = knn_classify(images[train], labels[train], images[val], ks=ks, num_classes=10)
        return np.mean(np.asarray(predicted) == labels[val], axis=1)

    scores = cross_validate(accuracy, k_folds(203, 5))
    for k, mine in zip(ks, np.asarray(scores).T, strict=True):
        theirs = KNeighborsClassifier(k, algorithm="brute")
        np.testing.assert_allclose(mine, cross_val_score(theirs, images.astype(float), labels, cv=KFold(5)), rtol=1e-6)


def test_folds_and_scores_work_under_vmap_over_draws():
    values = np.arange(12, dtype=np.float32) ** 2

    def error(key):
        pick = jnp.asarray(values)
        return cross_validate(lambda train, val: jnp.mean(pick[val]) - jnp.mean(pick[train]), k_folds(12, 3, key))

    keys = jax.random.split(jax.random.key(0), 4)
    errors = jax.jit(jax.vmap(error))(keys)
    for key, mine in zip(keys, np.asarray(errors), strict=True):
        vals = [np.asarray(fold.val_index) for fold in k_folds(12, 3, key)]
        np.testing.assert_allclose(mine, [values[v].mean() - np.delete(values, v).mean() for v in vals], rtol=1e-5)


@pytest.mark.parametrize(("num_examples", "num_folds"), [(10, 1), (10, 0), (3, 4)])
def test_impossible_folds_are_refused(num_examples, num_folds):
    with pytest.raises(InputError, match=rf"{num_folds} folds of {num_examples} examples: give 2 to {num_examples}"):
        k_folds(num_examples, num_folds)
    with pytest.raises(InputError, match="no folds to validate on: make them with k_folds"):
        cross_validate(lambda train, val: 0.0, [])

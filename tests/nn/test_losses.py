"""S-060 to S-066: every loss of classes against PyTorch, its gradient by hand, and the ledger's identities."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.special import expit, log_expit, log_softmax, softmax

from jaxmlp.errors import InputError
from jaxmlp.nn import LOSSES as EVERY_LOSS
from jaxmlp.nn import NetHyper, cross_entropy, hinge, losses_of

LOSSES = [name for name, row in EVERY_LOSS.items() if row.task == "classes"]
BATCH, CLASSES = 7, 10
LOGITS = np.random.default_rng(0).normal(scale=4.0, size=(BATCH, CLASSES))
LABELS = np.arange(BATCH) % CLASSES
ONE_HOT = np.eye(CLASSES)[LABELS]
SMOOTH = 0.9 * ONE_HOT + 0.1 / CLASSES


def by_hand(name):
    """(losses [B], gradient of their mean [B, K]) in NumPy, from the formulas of the documents."""
    log_p, p = log_softmax(LOGITS, axis=1), softmax(LOGITS, axis=1)
    true = LOGITS[np.arange(BATCH), LABELS][:, None]
    gaps = np.where(ONE_HOT == 1, 0, np.maximum(0, 5 - true + LOGITS))
    kl = (SMOOTH * (np.log(SMOOTH) - log_p)).sum(axis=1)
    return {
        "cross_entropy": (-(ONE_HOT * log_p).sum(axis=1), p - ONE_HOT),
        "label_smoothed_cross_entropy": (-(SMOOTH * log_p).sum(axis=1), p - SMOOTH),
        "kl_divergence": (kl, p - SMOOTH),
        "kl_divergence_mean": (kl / CLASSES, (p - SMOOTH) / CLASSES),
        "euclidean": (((LOGITS - ONE_HOT) ** 2).sum(axis=1) / 2, LOGITS - ONE_HOT),
        "hinge": (gaps.sum(axis=1), (gaps > 0) - ONE_HOT * (gaps > 0).sum(axis=1, keepdims=True)),
        "softmax_hinge": softmax_hinge_by_hand(p),
        "binary_cross_entropy": (
            -(ONE_HOT * log_expit(LOGITS) + (1 - ONE_HOT) * log_expit(-LOGITS)).mean(axis=1),
            (expit(LOGITS) - ONE_HOT) / CLASSES,
        ),
    }[name]


def softmax_hinge_by_hand(p):
    true = p[np.arange(BATCH), LABELS][:, None]
    gaps = np.where(ONE_HOT == 1, 0, np.maximum(0, 5 - true + p))
    dp = (gaps > 0) - ONE_HOT * (gaps > 0).sum(axis=1, keepdims=True)
    return gaps.sum(axis=1), p * (dp - (p * dp).sum(axis=1, keepdims=True))


def values(name, logits=LOGITS, labels=LABELS, **numbers):
    return losses_of(name, jnp.asarray(logits), jnp.asarray(labels), NetHyper(**numbers))


def gradient(name, logits=LOGITS, labels=LABELS, **numbers):
    return jax.grad(lambda z: jnp.mean(losses_of(name, z, jnp.asarray(labels), NetHyper(**numbers))))(
        jnp.asarray(logits)
    )


@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_are_the_formula(x64, name):
    expected, slope = by_hand(name)
    np.testing.assert_allclose(values(name), expected, rtol=1e-11)
    np.testing.assert_allclose(gradient(name), slope / BATCH, rtol=1e-10, atol=1e-14)


@pytest.mark.parity
@pytest.mark.parametrize("name", LOSSES)
def test_equals_torch(x64, name):
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    functional = torch.nn.functional
    z, labels = torch.tensor(LOGITS, requires_grad=True), torch.tensor(LABELS)
    log_p, smooth = functional.log_softmax(z, dim=1), torch.tensor(SMOOTH)
    margins = partial(functional.multi_margin_loss, target=labels, margin=5.0)  # divides by K
    mean = {
        "cross_entropy": lambda: functional.cross_entropy(z, labels),
        "label_smoothed_cross_entropy": lambda: functional.cross_entropy(z, labels, label_smoothing=0.1),
        "kl_divergence": lambda: functional.kl_div(log_p, smooth, reduction="batchmean"),
        # `mean` warns that it is not the divergence; the sum over B·K entries is what it computes.
        "kl_divergence_mean": lambda: functional.kl_div(log_p, smooth, reduction="none").mean(),
        "euclidean": lambda: functional.mse_loss(z, torch.tensor(ONE_HOT), reduction="sum") / (2 * BATCH),
        "hinge": lambda: CLASSES * margins(z),
        "softmax_hinge": lambda: CLASSES * margins(functional.softmax(z, dim=1)),
        "binary_cross_entropy": lambda: functional.binary_cross_entropy_with_logits(z, torch.tensor(ONE_HOT)),
    }[name]()
    mean.backward()
    assert float(jnp.mean(values(name))) == pytest.approx(mean.item(), rel=1e-10)
    np.testing.assert_allclose(gradient(name), z.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parity
@pytest.mark.parametrize(("name", "margin"), [("hinge", 1.0), ("hinge", 5.0), ("softmax_hinge", 0.5)])
def test_the_documents_margins_are_torch_s_too(x64, name, margin):
    """CS231n's 1, D2's 5, and the 0.5 that was suggested behind a softmax (S-062, S-063)."""
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    scores = torch.tensor(softmax(LOGITS, axis=1) if name == "softmax_hinge" else LOGITS)
    theirs = torch.nn.functional.multi_margin_loss(scores, torch.tensor(LABELS), margin=margin, reduction="none")
    np.testing.assert_allclose(values(name, margin=margin), CLASSES * theirs.numpy(), rtol=1e-10)


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_is_the_numeric_derivative(x64, name):
    of_logits = lambda z: losses_of(name, z, jnp.asarray(LABELS), NetHyper())
    check_grads(of_logits, (jnp.asarray(LOGITS),), 1, modes=("fwd", "rev"), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("where", [slice(None), 0, 3])
def test_nan_among_the_logits_is_a_loss_of_nan(name, where):
    """A loss of 0 would make a net of NaN look perfectly trained: all logits, the label's (0), or another's."""
    logits = np.zeros((1, CLASSES), np.float32)
    logits[0, where] = np.nan
    assert np.isnan(values(name, logits, np.zeros(1, np.int32)))


def test_a_name_that_is_no_loss_says_what_there_is():
    with pytest.raises(InputError, match=r"unknown loss 'ce': choose one of cross_entropy, .*, softmax_hinge, "):
        values("ce")


@pytest.mark.parametrize("name", LOSSES)
def test_every_entry_keeps_the_contracts(name):
    """jit = no jit, vmap = loop, one value per example in the logits' dtype, new numbers do not retrace."""

    @jax.jit
    @chex.assert_max_traces(n=1)
    def jitted(logits, labels, hyper):
        return losses_of(name, logits, labels, hyper)

    logits, labels = jnp.asarray(LOGITS, jnp.float32), jnp.asarray(LABELS)
    for i in range(3):
        hyper = NetHyper(smoothing=0.1 * i, margin=1.0 + i)
        plain = losses_of(name, logits, labels, hyper)
        assert plain.shape == (BATCH,)
        assert plain.dtype == jnp.float32
        np.testing.assert_allclose(jitted(logits, labels, hyper), plain, rtol=1e-5, atol=1e-6)
    lanes = jax.vmap(lambda z: losses_of(name, z, labels, NetHyper()))(jnp.stack([logits, -logits]))
    np.testing.assert_allclose(lanes[1], losses_of(name, -logits, labels, NetHyper()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.int32, jnp.int64])
@pytest.mark.parametrize("name", LOSSES)
def test_labels_may_be_any_integers(x64, name, dtype):
    labels = jnp.asarray(LABELS, dtype)
    np.testing.assert_allclose(losses_of(name, jnp.asarray(LOGITS), labels, NetHyper()), by_hand(name)[0], rtol=1e-11)


@pytest.mark.parametrize(("name", "norm"), [("hinge", 9.49), ("cross_entropy", 0.949), ("euclidean", 1.0)])
def test_gradient_norms_at_zero_logits(name, norm):
    """C-202: at one learning rate the hinge moves ten times faster."""
    slope = gradient(name, logits=np.zeros((1, CLASSES), np.float32), labels=np.zeros(1, np.int32))
    assert float(jnp.linalg.norm(slope)) == pytest.approx(norm, abs=5e-3)


def test_kl_batchmean_has_the_gradient_of_smoothed_cross_entropy(x64):
    """C-304: they differ by the target's entropy, a constant; PyTorch's `mean` is a ten times smaller rate."""
    for smoothing in (0.0, 0.01, 0.1):
        kl, ce, mean = (
            gradient(name, smoothing=smoothing)
            for name in ("kl_divergence", "label_smoothed_cross_entropy", "kl_divergence_mean")
        )
        np.testing.assert_allclose(kl, ce, atol=1e-15)
        np.testing.assert_allclose(kl, CLASSES * mean, atol=1e-15)


def test_without_smoothing_all_three_are_cross_entropy(x64):
    for name in ("label_smoothed_cross_entropy", "kl_divergence"):
        np.testing.assert_allclose(values(name, smoothing=0.0), values("cross_entropy"), rtol=1e-12)


def test_euclidean_punishes_what_is_right(x64):
    """C-206: scores (0, 0, 0, 100) for class 3 cost 4900 here and nothing in cross-entropy."""
    scores, label = np.array([[0.0, 0.0, 0.0, 100.0]]), np.array([3])
    assert float(values("euclidean", scores, label)[0]) == 0.5 * 99**2
    assert float(values("cross_entropy", scores, label)[0]) < 1e-40


def test_hinge_is_flat_once_every_margin_is_met():
    z = jnp.asarray([[10.0, 1.0, 2.0]])
    assert float(hinge(z, jnp.array([0]), 5.0)[0]) == 0.0
    np.testing.assert_array_equal(jax.grad(lambda z: hinge(z, jnp.array([0]), 5.0)[0])(z), jnp.zeros((1, 3)))
    met = jnp.asarray([[5.0, 0.0]])  # exactly
    np.testing.assert_array_equal(jax.grad(lambda z: hinge(z, jnp.array([0]), 5.0)[0])(met), jnp.zeros((1, 2)))


def test_equal_logits_give_log_k_and_huge_ones_stay_finite():
    np.testing.assert_allclose(cross_entropy(jnp.full((1, 10), 3.0), jnp.array([4])), np.log(10), rtol=1e-6)
    huge = jnp.array([[1e30, 0.0], [0.0, 1e30]])
    np.testing.assert_allclose(cross_entropy(huge, jnp.array([0, 0])), [0.0, 1e30], rtol=1e-6)


@pytest.mark.parametrize("label", [0, 1])
def test_two_classes_may_share_one_logit(x64, label):
    """−log σ(±z), and the same as the cross-entropy of the two logits (0, z)."""
    z, labels = jnp.asarray(LOGITS[:, :1]), np.full(BATCH, label)
    expected = -log_expit(LOGITS[:, 0] * (1 if label else -1))
    np.testing.assert_allclose(values("binary_cross_entropy", z, labels), expected, rtol=1e-12)
    two = values("cross_entropy", jnp.concatenate([jnp.zeros_like(z), z], axis=1), labels)
    np.testing.assert_allclose(values("binary_cross_entropy", z, labels), two, rtol=1e-12)
    np.testing.assert_allclose(
        gradient("binary_cross_entropy", z, labels)[:, 0], (expit(LOGITS[:, 0]) - label) / BATCH, rtol=1e-12
    )


def test_binary_cross_entropy_of_huge_logits_stays_finite():
    huge = jnp.array([[1e30], [-1e30]])
    np.testing.assert_allclose(values("binary_cross_entropy", huge, np.array([1, 0])), [0.0, 0.0])
    np.testing.assert_allclose(values("binary_cross_entropy", huge, np.array([0, 1])), [1e30, 1e30])

"""Parameters and children of networks, as the documents count them and as they are drawn."""

import jax
import pytest

from experiments.lab.documents.d0 import HIDDEN_WIDTHS
from jaxmlp.nn import MLPSpec, NetHyper, count_parameters, init_mlp

FIVE, TWENTY_TWO, FORTY_ONE = ((784, *HIDDEN_WIDTHS[layers], 10) for layers in (5, 22, 41))


D4 = {"norm": "batch_norm", "norm_position": "pre_activation", "bias": False}


@pytest.mark.parametrize(
    ("row", "widths", "options", "layers", "count"),
    [
        ("P-01", FIVE, {}, 5, 111_514),
        ("P-02", FIVE, {"norm": "batch_norm"}, 5, 111_994),
        ("P-03", TWENTY_TWO, {}, 22, 6_165_038),
        ("P-04", TWENTY_TWO, {"norm": "batch_norm"}, 22, 6_179_334),
        ("P-05", FORTY_ONE, {}, 41, 10_246_202),
        ("P-06", FORTY_ONE, {"norm": "batch_norm"}, 41, 10_280_202),
        ("P-07", FORTY_ONE, {"norm": "batch_norm", "residual": "d0"}, 41, 10_758_910),
        ("P-07", FORTY_ONE, {"residual": "d0"}, 41, 10_729_254),
        ("P-05", FORTY_ONE, {"bias": False}, 41, 10_229_192),
        ("P-07", FORTY_ONE, {"residual": "d0", "bias": False}, 41, 10_710_856),
        ("C-025", FORTY_ONE, {"norm": "batch_norm", "residual": "d0_identity"}, 41, 10_495_742),
        ("P-09", (784, 256, 10), {}, 2, 203_530),
        ("P-09", (768, 256, 10), {}, 2, 199_434),
        ("P-10", (784, 12, 10), {}, 2, 9_550),
        ("P-11", (784, 784, 10), {}, 2, 623_290),
        ("P-11", (784, 2048, 10), {}, 2, 1_628_170),
        ("P-11", (784, 512, 256, 10), {}, 3, 535_818),
        ("P-12", (784, 256, 10), {"activation": "maxout_layer"}, 2, 203_530 + 131_584),
        ("P-12", (784, 256, 10), {"activation": "maxout_layer"}, 2, 335_114),
        ("P-12", (784, 256, 10), {"activation": "maxout_layer", "bias": False}, 2, 784 * 256 + 256 * 512 + 256 * 10),
        ("S-039", (784, 256, 10), {"activation": "maxout"}, 2, 404_490),
        ("P-13", (784, 10), {}, 1, 7_850),
        ("P-13", (784, 100, 10), {}, 2, 79_510),
        ("P-13", (784, 100, 100, 10), {}, 3, 89_610),
        ("P-14", (784, 300, 150, 10), D4, 3, 282_600),
        ("P-14", (784, 100, 30, 10), D4, 3, 81_960),
        ("P-14", (784, 500, 10), D4, 2, 398_000),
        ("P-14", (784, 100, 10), D4, 2, 79_600),
        ("S-013", (3072, 100, 10), {}, 2, 3072 * 100 + 100 + 1010),
    ],
)
def test_parameter_counts_of_the_ledger(row, widths, options, layers, count):
    """P-01 to P-07 are D0's nets, P-13 those of S-114, P-09 to P-12 of S-115, P-14 of S-116; S-013 is a shape alone."""
    spec = MLPSpec(widths, **options)
    assert spec.num_layers == layers
    assert count_parameters(spec) == count


def test_d0_s_residual_net_has_the_ledger_s_modules():
    """P-07: 8 modules, the last of 4 linears; 31 ReLUs and 31 batch norms; P-08: 81 and 121 children."""
    spec = MLPSpec(FORTY_ONE, norm="batch_norm", residual="d0")
    assert [last - first + 1 for first, last in spec.modules] == [5] * 7 + [4]
    assert sum(spec.has_activation(layer) for layer in range(41)) == 31
    assert sum(spec.is_normalized(layer) for layer in range(41)) == 31
    plain, normed = MLPSpec(FORTY_ONE), MLPSpec(FORTY_ONE, norm="batch_norm")
    assert [plain.num_children, normed.num_children] == [81, 121]


@pytest.mark.parametrize(("depth", "norm", "count"), [(5, 0, 9), (5, 1, 13), (22, 0, 43), (22, 1, 64)])
def test_children_are_counted_as_d0_counts_them(depth, norm, count):
    """S-119, P-08: linears, activations and norms."""
    spec = MLPSpec((4,) * (depth + 1), norm="batch_norm" if norm else "none")
    assert (spec.num_children, spec.num_layers) == (count, depth)


@pytest.mark.parity
@pytest.mark.parametrize("options", [{}, {"norm": "batch_norm"}, {"dropout": "inverted", "output": "sigmoid"}])
def test_children_are_those_of_a_torch_sequential(options):
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    spec, parts = MLPSpec((5, 4, 3, 2), **options), []
    for layer, (inputs, outputs) in enumerate(zip(spec.widths, spec.widths[1:], strict=False)):
        parts.append(torch.nn.Linear(inputs, outputs))
        if layer < 2:
            parts.append(torch.nn.ReLU())
            parts += [torch.nn.BatchNorm1d(outputs)] * (spec.norm == "batch_norm")
            parts += [torch.nn.Dropout()] * (spec.dropout == "inverted")
    parts += [torch.nn.Sigmoid()] * (spec.output == "sigmoid")
    assert spec.num_children == len(torch.nn.Sequential(*parts))


def test_count_equals_the_size_of_what_is_drawn():
    spec = MLPSpec((7, 5, 4, 3), norm="batch_norm")
    params, _ = init_mlp(jax.random.key(0), spec, NetHyper())
    assert (
        count_parameters(spec) == sum(leaf.size for leaf in jax.tree.leaves(params)) == 7 * 5 + 5 * 4 + 4 * 3 + 12 + 18
    )

"""`MLPSpec`: what describes a network's structure, checked when it is made."""

from dataclasses import dataclass
from typing import NamedTuple

from jaxmlp.errors import MOST, InputError, check_choice, shown
from jaxmlp.identity import added
from jaxmlp.nn.activations import ACTIVATIONS, MAXOUTS
from jaxmlp.nn.hyper import user_numbers
from jaxmlp.nn.initializers import INITIALIZERS
from jaxmlp.nn.outputs import OUTPUTS
from jaxmlp.typed import check_types

NORMS = ("none", "batch_norm", "layer_norm")
NORM_POSITIONS = ("post_activation", "pre_activation")
NORM_STATS = ("batch", "running")
DROPOUTS = ("none", "inverted", "keep_probability")


class Residual(NamedTuple):
    """How linears are bound into modules: layers 1 to the last but one, `size` at a time, the last one shorter."""

    size: int
    identity: bool
    """Skip by the identity where the shapes agree, else by a linear of its own; False: always by a linear."""
    activate_sum: bool
    """Whether the activation follows the sum; False leaves the sum, and the first linear, bare."""


RESIDUALS: dict[str, Residual | None] = {
    "none": None,
    # S-035: D0's 41-layer net.
    "d0": Residual(size=5, identity=False, activate_sum=False),
    # C-025: the same, with a linear only where the shapes differ.
    "d0_identity": Residual(size=5, identity=True, activate_sum=False),
    # S-034: D1's block, relu(x + fc2(relu(fc1(x)))).
    "block": Residual(size=2, identity=True, activate_sum=True),
}


@dataclass(frozen=True)
class MLPSpec:
    """A network's static description, hashable: what changes a shape or the program's structure.

    Raises:
        InputError: widths that are not at least two positive integers, a name outside its table, fewer than two
            maxout pieces, or a residual net too shallow for one module.

    >>> spec = MLPSpec((784, 100, 10), activation="tanh", norm="batch_norm")
    >>> spec.num_layers, spec.is_normalized(0), spec.has_activation(1), hash(spec) == hash(MLPSpec(**vars(spec)))
    (2, True, False, True)
    """

    widths: tuple[int, ...]
    """From inputs to outputs: (784, 100, 10) is one hidden layer of 100, and 10 classes."""
    activation: str = "relu"
    """A key of `ACTIVATIONS`, an `Activation` or a function, which is registered and kept by its name, or one of
    `MAXOUTS`: `maxout` gives every unit `maxout_pieces` affine maps, `maxout_layer` is D3's, which puts those maps
    behind the layer's own linear (S-039)."""
    maxout_pieces: int = 2
    """k, read by maxout alone."""
    norm: str = "none"
    """One of `NORMS`, in every layer that has an activation."""
    norm_position: str = "post_activation"
    """One of `NORM_POSITIONS`: D0 normalizes after the activation (S-028), D4 before it (S-029)."""
    residual: str = "none"
    """A key of `RESIDUALS`."""
    bias: bool = True
    """Whether linears have biases, those of skips and of D3's maxout layer too. One that goes straight into a batch
    norm does not, unless `bias_into_norm` says so: the norm subtracts it again, which leaves its gradient pure rounding
    noise."""
    dropout: str = "none"
    """One of `DROPOUTS`, after every hidden layer, as D3's is read, which gives no place (S-036); its rate is
    `NetHyper.dropout_rate`."""
    initializer: str = "he_normal"
    """A key of `INITIALIZERS`."""
    output: str = added("none")
    """A key of `OUTPUTS`: what the last linear's numbers go through. The losses of classes take logits, `none` (S-117);
    sigmoid and tanh are for numbers in a range."""

    bias_into_norm: bool = added(False)
    """Whether a linear that goes straight into a batch norm has its bias too, as PyTorch's `nn.Linear` there has: it is
    counted as a parameter and drifts with the rounding noise, and no output depends on it."""

    def __post_init__(self) -> None:
        try:
            widths = tuple(self.widths)
        except TypeError:
            widths = ()
        if len(widths) < 2 or not all(type(w) is int and 0 < w <= MOST for w in widths):
            raise InputError(
                f"widths {shown(self.widths)} are not a network: give at least two positive integers below 2**31, "
                "from inputs to classes, such as 784,100,10"
            )
        object.__setattr__(self, "widths", widths)
        object.__setattr__(self, "activation", ACTIVATIONS.name_of(self.activation))
        object.__setattr__(self, "initializer", INITIALIZERS.name_of(self.initializer))
        check_types(self)
        check_choice("activation", self.activation, (*ACTIVATIONS, *MAXOUTS))
        check_choice("norm", self.norm, NORMS)
        check_choice("norm position", self.norm_position, NORM_POSITIONS)
        check_choice("residual", self.residual, RESIDUALS)
        check_choice("dropout", self.dropout, DROPOUTS)
        check_choice("initializer", self.initializer, INITIALIZERS)
        check_choice("output", self.output, OUTPUTS)
        if type(self.maxout_pieces) is not int or not 2 <= self.maxout_pieces <= MOST:
            raise InputError(f"maxout pieces {shown(self.maxout_pieces)}: give an integer of at least 2, below 2**31")
        if self.residual != "none" and self.num_layers < 3:
            raise InputError(
                f"widths {self.widths} leave no layer between the first and the last for a residual module: "
                "give at least four widths"
            )

    @property
    def user_numbers(self) -> tuple[str, ...]:
        """The user's numbers that its activation asks for, by their key in `NetHyper.user`."""
        return user_numbers(ACTIVATIONS[self.activation].numbers if self.activation in ACTIVATIONS else ())

    @property
    def num_layers(self) -> int:
        """Number of linears on the main path: hidden layers and the output layer, D0's count of layers (S-094)."""
        return len(self.widths) - 1

    @property
    def num_children(self) -> int:
        """Children of the `nn.Sequential` that D0 counts: linears, norms and activations (S-119), and dropouts.

        A residual net's skips are not among them: it is no Sequential.

        >>> MLPSpec((784, 500, 300, 100, 50, 10), norm="batch_norm").num_children  # 5 linears, 4 ReLUs, 4 norms
        13
        """
        active = sum(map(self.has_activation, range(self.num_layers)))
        normalized = sum(map(self.is_normalized, range(self.num_layers)))
        parts = self.num_layers + active + normalized
        return parts + (active if self.dropout != "none" else 0) + (self.output != "none")

    @property
    def modules(self) -> tuple[tuple[int, int], ...]:
        """(first, last) linear of every residual module; none for a plain net."""
        residual = RESIDUALS[self.residual]
        if residual is None:
            return ()
        last = self.num_layers - 2
        return tuple((i, min(i + residual.size - 1, last)) for i in range(1, last + 1, residual.size))

    def has_activation(self, layer: int) -> bool:
        """Whether an activation follows this linear (behind the sum, where it ends a module)."""
        residual = RESIDUALS[self.residual]
        if layer == self.num_layers - 1:
            return False
        if residual is None or residual.activate_sum:
            return True
        return layer != 0 and layer not in {last for _, last in self.modules}

    def is_normalized(self, layer: int) -> bool:
        """Whether this linear's layer has a norm: those with an activation, where the spec has any."""
        return self.norm != "none" and self.has_activation(layer)

    def has_bias(self, layer: int) -> bool:
        """Whether this linear has a bias."""
        into_norm = self.norm == "batch_norm" and self.is_normalized(layer) and self.norm_position == "pre_activation"
        return self.bias and (self.bias_into_norm or not into_norm)

    def fan_out(self, layer: int) -> int:
        """Outputs of this linear: the width, times k where maxout then takes the largest of k."""
        maps = self.maxout_pieces if self.activation == "maxout" and self.has_activation(layer) else 1
        return self.widths[layer + 1] * maps

    def norm_width(self, layer: int) -> int:
        """Features that this layer's norm sees."""
        return self.fan_out(layer) if self.norm_position == "pre_activation" else self.widths[layer + 1]

    def has_linear_skip(self, first: int, last: int) -> bool:
        """Whether the module from linear `first` to `last` skips by a linear."""
        residual = RESIDUALS[self.residual]
        return residual is not None and not (residual.identity and self.widths[first] == self.widths[last + 1])

"""`MLPSpec`: what describes a network's structure, checked when it is made."""

from dataclasses import dataclass

from jaxmlp.errors import InputError, check_choice
from jaxmlp.nn.activations import ACTIVATIONS
from jaxmlp.nn.initializers import INITIALIZERS

NORMS = ("none", "batch_norm")
NORM_POSITIONS = ("post_activation", "pre_activation")
NORM_STATS = ("batch", "running")


@dataclass(frozen=True)
class MLPSpec:
    """A network's static description, hashable: what changes a shape or the program's structure.

    Raises:
        InputError: widths that are not at least two positive integers, or a name outside its table.
    """

    widths: tuple[int, ...]
    """From input to classes: (784, 100, 10) is one hidden layer of 100."""
    activation: str = "relu"
    """A key of `ACTIVATIONS`, used in every hidden layer."""
    norm: str = "none"
    """One of `NORMS`, in every hidden layer."""
    norm_position: str = "post_activation"
    """One of `NORM_POSITIONS`: D0 normalizes after the activation (S-028), D4 before it (S-029)."""
    bias: bool = True
    """Whether linears have biases. One that goes straight into a norm never has: the norm subtracts it again,
    which leaves its gradient pure rounding noise."""
    dropout: bool = False
    """Dropout after every hidden layer; its rate is `NetHyper.dropout_rate`."""
    initializer: str = "he_normal"
    """A key of `INITIALIZERS`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        if len(self.widths) < 2 or not all(type(w) is int and w > 0 for w in self.widths):
            raise InputError(
                f"widths {self.widths} are not a network: give at least two positive integers, "
                "from inputs to classes, such as 784,100,10"
            )
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("norm", self.norm, NORMS)
        check_choice("norm position", self.norm_position, NORM_POSITIONS)
        check_choice("initializer", self.initializer, INITIALIZERS)

    @property
    def num_layers(self) -> int:
        """Number of linears: hidden layers and the output layer."""
        return len(self.widths) - 1

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(fan_in, fan_out) of every linear."""
        return tuple(zip(self.widths[:-1], self.widths[1:], strict=True))

    def is_normalized(self, layer: int) -> bool:
        """Whether this linear's layer has a norm: every hidden one, where the spec has any."""
        return self.norm != "none" and layer < self.num_layers - 1

    def has_bias(self, layer: int) -> bool:
        """Whether this linear has a bias."""
        into_norm = self.is_normalized(layer) and self.norm_position == "pre_activation"
        return self.bias and not into_norm

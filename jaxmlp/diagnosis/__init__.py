"""Why does a net not train? `check` looks before training, in seconds."""

from jaxmlp.diagnosis.finding import LEVELS, Finding
from jaxmlp.diagnosis.look import check

__all__ = ["LEVELS", "Finding", "check"]

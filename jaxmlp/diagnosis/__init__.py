"""Why does a net not train? The answer is an experiment: counterfactual training with many seeds."""

from jaxmlp.diagnosis.changes import CHANGES, Change, applicable
from jaxmlp.diagnosis.diagnosis import Diagnosis, Repair
from jaxmlp.diagnosis.setting import Setting
from jaxmlp.diagnosis.why import why

__all__ = ["CHANGES", "Change", "Diagnosis", "Repair", "Setting", "applicable", "why"]

"""Why does a net not train? The answer is an experiment: counterfactual training with many seeds."""

from jaxmlp.diagnosis.answering import why
from jaxmlp.diagnosis.bar import Bar
from jaxmlp.diagnosis.changes import CHANGES, Change, applicable
from jaxmlp.diagnosis.diagnosis import Diagnosis, Repair
from jaxmlp.diagnosis.finding import FINDING_LEVELS, Finding
from jaxmlp.diagnosis.look import check
from jaxmlp.diagnosis.page import trials_table
from jaxmlp.diagnosis.setting import Setting
from jaxmlp.diagnosis.telling import sentences

__all__ = [
    "CHANGES",
    "FINDING_LEVELS",
    "Bar",
    "Change",
    "Diagnosis",
    "Finding",
    "Repair",
    "Setting",
    "applicable",
    "check",
    "sentences",
    "trials_table",
    "why",
]

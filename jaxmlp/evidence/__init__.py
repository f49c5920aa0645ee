"""From results to verdicts, figures and reports; reads results only and never trains."""

from jaxmlp.evidence.claims import Claim, Reported, Rival
from jaxmlp.evidence.figures import (
    CompareArms,
    EveryRun,
    FigureSpec,
    TrainingCurves,
    captioned_svgs,
    save_figures,
)
from jaxmlp.evidence.images import random_ten, ten_images_figure
from jaxmlp.evidence.measures import Measure, Value, at, best, final
from jaxmlp.evidence.parts import Difference, Equivalence, Identity, Ordering, Probability
from jaxmlp.evidence.report import StudyReport, write_report
from jaxmlp.evidence.reported import compare_reported
from jaxmlp.evidence.step_curves import StepCurves
from jaxmlp.evidence.synthetic import synthetic_rows
from jaxmlp.evidence.table import print_verdicts
from jaxmlp.evidence.verdicts import VERDICTS, judge

__all__ = [
    "VERDICTS",
    "Claim",
    "CompareArms",
    "Difference",
    "Equivalence",
    "EveryRun",
    "FigureSpec",
    "Identity",
    "Measure",
    "Ordering",
    "Probability",
    "Reported",
    "Rival",
    "StepCurves",
    "StudyReport",
    "TrainingCurves",
    "Value",
    "at",
    "best",
    "captioned_svgs",
    "compare_reported",
    "final",
    "judge",
    "print_verdicts",
    "random_ten",
    "save_figures",
    "synthetic_rows",
    "ten_images_figure",
    "write_report",
]

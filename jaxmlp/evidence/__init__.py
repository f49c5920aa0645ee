"""From results to verdicts, figures and reports; reads results only and never trains.

A name is loaded when it is first used: a list of verdicts needs neither JAX nor Matplotlib, which take seconds.
"""

from typing import TYPE_CHECKING

from jaxmlp.late import loaded_late

if TYPE_CHECKING:
    from jaxmlp.evidence.averaged import with_averaged
    from jaxmlp.evidence.claims import Claim, Reported, Rival, rule_hash
    from jaxmlp.evidence.decision_boundary import DecisionBoundary
    from jaxmlp.evidence.figures import (
        CompareArms,
        EveryRun,
        FigureSpec,
        TrainingCurves,
        captioned_svgs,
        save_figures,
    )
    from jaxmlp.evidence.flow_strips import FlowStrips
    from jaxmlp.evidence.images import random_ten, templates_figure, ten_images_figure
    from jaxmlp.evidence.law_rows import LawRows
    from jaxmlp.evidence.layer_curves import LayerCurves
    from jaxmlp.evidence.measures import (
        Measure,
        Value,
        at,
        at_best,
        best,
        best_epoch,
        change,
        fall,
        final,
        fluctuation,
        gain_after_cuts,
        largest_drop,
        lowest,
        reached,
    )
    from jaxmlp.evidence.overview import Overview, write_overview
    from jaxmlp.evidence.own_page import write_own_page
    from jaxmlp.evidence.parts import Difference, Equivalence, Identity, Ordering, Probability
    from jaxmlp.evidence.peaks import PeakCurves
    from jaxmlp.evidence.predicted import Predicted, compare_predicted, predicted_table
    from jaxmlp.evidence.report import StudyReport, reported_texts, write_report
    from jaxmlp.evidence.reported import compare_reported
    from jaxmlp.evidence.step_curves import StepCurves
    from jaxmlp.evidence.sweep_curves import Sweep, SweepCurves
    from jaxmlp.evidence.synthetic import synthetic_rows
    from jaxmlp.evidence.table import print_verdicts
    from jaxmlp.evidence.tuned import with_tuned
    from jaxmlp.evidence.verdicts import is_preview, judge
    from jaxmlp.evidence.vital_signs import VitalSigns
    from jaxmlp.evidence.words import VERDICTS

__all__ = [
    "VERDICTS",
    "Claim",
    "CompareArms",
    "DecisionBoundary",
    "Difference",
    "Equivalence",
    "EveryRun",
    "FigureSpec",
    "FlowStrips",
    "Identity",
    "LawRows",
    "LayerCurves",
    "Measure",
    "Ordering",
    "Overview",
    "PeakCurves",
    "Predicted",
    "Probability",
    "Reported",
    "Rival",
    "StepCurves",
    "StudyReport",
    "Sweep",
    "SweepCurves",
    "TrainingCurves",
    "Value",
    "VitalSigns",
    "at",
    "at_best",
    "best",
    "best_epoch",
    "captioned_svgs",
    "change",
    "compare_predicted",
    "compare_reported",
    "fall",
    "final",
    "fluctuation",
    "gain_after_cuts",
    "is_preview",
    "judge",
    "largest_drop",
    "lowest",
    "predicted_table",
    "print_verdicts",
    "random_ten",
    "reached",
    "reported_texts",
    "rule_hash",
    "save_figures",
    "synthetic_rows",
    "templates_figure",
    "ten_images_figure",
    "with_averaged",
    "with_tuned",
    "write_overview",
    "write_own_page",
    "write_report",
]

__getattr__ = loaded_late(__name__, __file__)

"""Studies: a grid of arms and seeds as a few compiled programs, and tidy results."""

from jaxmlp.study.arms import Arm
from jaxmlp.study.engine import run
from jaxmlp.study.progress import Display, LineDisplay, LiveDisplay, Status, make_display
from jaxmlp.study.results import Results
from jaxmlp.study.settings_grid import grid
from jaxmlp.study.timing import time_arms

__all__ = [
    "Arm",
    "Display",
    "LineDisplay",
    "LiveDisplay",
    "Results",
    "Status",
    "grid",
    "make_display",
    "run",
    "time_arms",
]

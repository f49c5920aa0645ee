"""The words of verdicts and the levels of their intervals: no more is needed to show what was judged before."""

VERDICTS = ("reproduced", "refuted", "other_cause", "mixed", "inconclusive", "pending", "not_tested")
DIFFERENCE_LEVEL = 0.95
# Two one-sided tests at 5 % each: the interval that decides an equivalence is the 90 % one.
EQUIVALENCE_LEVEL = 0.90
LN_SECONDS = "ln s"
"""Unit of logarithms of seconds: their differences are ratios, and are told as such."""

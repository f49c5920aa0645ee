"""Can a rule be decided at the n that was planned for it: can both verdicts come out, and with what power?"""

from dataclasses import dataclass

import numpy as np

from jaxmlp.evidence.claims import SEED_BLOCK, Claim
from jaxmlp.evidence.measures import Value
from jaxmlp.evidence.parts import (
    DIFFERENCE_LEVEL,
    EQUIVALENCE_LEVEL,
    PROBABILITY_LEVEL,
    Difference,
    Equivalence,
    Identity,
    Ordering,
    Probability,
    SinglePart,
)
from jaxmlp.evidence.planning import (
    MINIMUM_RUNS,
    POWER,
    detectable_difference,
    detectable_share,
    power_of_difference,
    power_of_equivalence,
    power_of_share,
)
from jaxmlp.evidence.readings import MissingResultsError, read
from jaxmlp.evidence.runs import Tables
from jaxmlp.evidence.statistics import pair_by_seed


@dataclass(frozen=True)
class Decidability:
    """What the planned number of runs can show of one part that decides.

    Attributes:
        part: the part.
        both: whether "reproduced" and "refuted" can both come out.
        power: the chance of "reproduced" where the effect is `part.planned_effect`; None where no effect is planned or
            the runs' spread is not known.
        detectable: the least distance from the bound that is shown with the chance `POWER`; of a share, the share.
    """

    part: SinglePart
    both: bool
    power: float | None
    detectable: float | None

    @property
    def enough(self) -> bool:
        """Whether it can be decided either way, with the power that is asked for."""
        return self.both and self.power is not None and self.power >= POWER


def decidability(claim: Claim, rows: Tables) -> list[Decidability]:
    """Of every primary part of `claim` at its `planned_n`; the spread of runs is that of `rows`, of any seeds.

    Args:
        claim: with its parts.
        rows: the tables of the runs. Fewer than three runs of a part leave its spread unknown.
    """
    return [
        _of_part(single, claim.planned_n, rows)
        for part in claim.parts
        if part.scope == "primary"
        for single in (part.differences() if isinstance(part, Ordering) else [part])
    ]


def _of_part(part: SinglePart, n: int, rows: Tables) -> Decidability:
    match part:
        case Identity():
            return Decidability(part, True, 1.0, part.tolerance)
        case Probability(bound=Value()):
            return Decidability(part, True, None, None)
        case Probability():
            both = all(power_of_share(end, part.delta, n, way) > 0.5 for end, way in ((1.0, "more"), (0.0, "less")))
            power = power_of_share(part.planned_effect, part.delta, n, part.direction, PROBABILITY_LEVEL)
            return Decidability(part, both, power, detectable_share(part.delta, n, part.direction))
        case Equivalence():
            return _equivalence(part, n, _spread(part, rows))
        case Difference():
            return _difference(part, n, _spread(part, rows))


def _difference(part: Difference, n: int, spread: float | None) -> Decidability:
    if spread is None:
        return Decidability(part, True, None, None)
    effect = part.planned_effect
    power = None if effect is None else power_of_difference(effect - part.margin, spread, n, DIFFERENCE_LEVEL)
    return Decidability(part, True, power, detectable_difference(spread, n, DIFFERENCE_LEVEL))


def _equivalence(part: Equivalence, n: int, spread: float | None) -> Decidability:
    if spread is None:
        return Decidability(part, True, None, None)
    power = power_of_equivalence(part.planned_effect, part.margin, spread, n, EQUIVALENCE_LEVEL)
    return Decidability(part, power > 0, power, detectable_difference(spread, n, EQUIVALENCE_LEVEL))


def _spread(part: Difference | Equivalence, rows: Tables) -> float | None:
    """Standard deviation of the runs, or of their differences by seed, in the block of seeds that has most of them."""
    try:
        a, *others = read([side for side in (part.a, part.b) if isinstance(side, Value)], rows)
    except MissingResultsError:
        return None
    own, other = pair_by_seed(a, others[0] if others else 0.0 * a)
    runs, block = own.to_numpy(float) - other.to_numpy(float), np.asarray(own.index) // SEED_BLOCK
    most = max((runs[block == one] for one in np.unique(block)), key=len, default=runs)
    return float(most.std(ddof=1)) if len(most) >= MINIMUM_RUNS else None

"""A diagnosis in plain sentences, each with its numbers."""

from collections.abc import Callable, Sequence

from jaxmlp.diagnosis.changes import CHANGES
from jaxmlp.diagnosis.diagnosis import HEALTHY, NOT_LEARNABLE, REPAIRED, UNDECIDED, Diagnosis, Repair
from jaxmlp.diagnosis.setting import as_options, as_python
from jaxmlp.diagnosis.verdict import share_in_words


def answer(diagnosis: Diagnosis) -> str:
    """The answer in one or two sentences."""
    told = _ANSWERS[diagnosis.status](diagnosis)
    return f"{told} It was interrupted: this is what was known by then." if diagnosis.interrupted else told


def sentences(diagnosis: Diagnosis) -> list[str]:
    """Say a diagnosis in sentences: the answer, the symptoms, what repairs the net, and what was left out.

    >>> from jaxmlp import diagnosis, nn, training
    >>> given = diagnosis.Setting(training.RunSpec(nn.MLPSpec((4, 8, 3))))
    >>> bar = diagnosis.Bar(constant=0.33, reference=0.97, noise=0.01)
    >>> sentences(diagnosis.Diagnosis(given, "iris", bar, before=(24, 24), median=0.97, learnable=True))[0]
    'The net trains: 24 of 24 runs (95 % interval 86 to 100 %) reach 92.8 %. Nothing to repair.'
    """
    lines = [answer(diagnosis)]
    if diagnosis.status in (REPAIRED, UNDECIDED):
        lines += [symptom.sentence for symptom in diagnosis.symptoms]
    lines += [repair_sentence(diagnosis, repair) for repair in diagnosis.repairs]
    lines += [f"It helps, and does not repair, to {repair.sentence}: {_share(repair)}." for repair in diagnosis.helps]
    lines += cause_sentences(diagnosis)
    if diagnosis.not_tried and diagnosis.status in (REPAIRED, UNDECIDED):
        lines.append(f"Not tried, for lack of time: {listed(diagnosis.not_tried)}.")
    return lines


def cause_sentences(diagnosis: Diagnosis) -> list[str]:
    """What all repairs have in common, if anything; nothing where there is none."""
    if not diagnosis.repairs:
        return []
    if diagnosis.cause is not None:
        return [f"All that was found to repair it alters one thing: the {diagnosis.cause}."]
    return ["The repairs do not share what they alter, so no single cause is named."]


def repair_sentence(diagnosis: Diagnosis, repair: Repair) -> str:
    """What to do, what it did, and what happens where the fault is put into a net that trains."""
    told = f"What repairs it: {repair.sentence}. {_share(repair)} reach {_bar(diagnosis)} then."
    if repair.but_for is not None:
        failures, n = repair.but_for
        told += f" What was there before makes {failures} of {n} runs fail in a net that trains without it."
    return told


def how_to(diagnosis: Diagnosis, repair: Repair) -> tuple[str, str]:
    """(options of the command line, Python) that make a repair; "" where there are no options for it."""
    given = diagnosis.given
    return as_options(given, repair.setting), as_python(given, repair.setting)


def change_sentence(label: str) -> str:
    """What a screened set of changes does, by its label such as "relu + he"."""
    names = label.split(" + ")
    return " and ".join(CHANGES[name].sentence if name in CHANGES else name for name in names)


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names in a row; of many the first ones, and how many more.

    >>> listed(["relu", "he", "adam"], most=2)
    'relu, he and 1 more'
    """
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _share(repair: Repair) -> str:
    return share_in_words(repair.effect.successes, repair.effect.n)


def _bar(diagnosis: Diagnosis) -> str:
    return diagnosis.bar.shown(diagnosis.bar.value)


def _before(diagnosis: Diagnosis) -> str:
    return f"{share_in_words(*diagnosis.before)} reach {_bar(diagnosis)}"


def _trains(diagnosis: Diagnosis) -> str:
    gain = diagnosis.gain
    if gain is None:
        largest = ""
    elif gain[1] <= 0:
        largest = f" None of {len(diagnosis.tried)} other settings is better."
    else:
        largest = f" The largest gain found is {diagnosis.bar.gain_shown(gain[1])} ({change_sentence(gain[0])})."
    return f"The net trains: {_before(diagnosis)}. Nothing to repair.{largest}"


def _repaired(diagnosis: Diagnosis) -> str:
    count = len(diagnosis.repairs)
    ways = "One repair was" if count == 1 else f"{count} repairs were"
    return (
        f"The net does not train: {_before(diagnosis)}. {ways} confirmed, of {len(diagnosis.tried)} changes tried; the "
        f"first is to {diagnosis.repairs[0].sentence}."
    )


def _not_learnable(diagnosis: Diagnosis) -> str:
    bar = diagnosis.bar
    if not diagnosis.before[1]:
        return "Nothing can be learned from these data: the target is the same in every row of the training part."
    return (
        "Nothing learnable was found in these data: the best of the reference nets reaches "
        f"{bar.shown(bar.reference)}, and a constant answer {bar.shown(bar.constant)}; chance alone could do that."
    )


def _undecided(diagnosis: Diagnosis) -> str:
    decides = diagnosis.would_decide
    more = f" What would decide: {decides}." if decides else " Look at the data, or register a change of your own."
    return (
        f"Undecided: {_before(diagnosis)}, and none of {len(diagnosis.tried)} changes tried was found to repair "
        f"it.{more}"
    )


_ANSWERS: dict[str, Callable[[Diagnosis], str]] = {
    HEALTHY: _trains,
    REPAIRED: _repaired,
    NOT_LEARNABLE: _not_learnable,
    UNDECIDED: _undecided,
}

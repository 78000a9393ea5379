"""Puts the progress of a stage into words: the fields of a line, for the bar, plain lines and `curate status`."""

from dataclasses import dataclass

from curate.stage.tally import Rate, Sight

TOP = 2  # reasons of rejections that are named
UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
STARTING = "starting workers"


@dataclass(frozen=True, slots=True)
class Field:
    """A piece of a line of progress."""

    text: str
    rank: int  # where a line is too long, the field of the highest rank goes first
    width: int = 0  # characters that it has in a bar at least, so that the bar does not jump


def fields(sight: Sight, rate: Rate | None) -> list[Field]:
    """Returns the fields of a line, in order."""
    pieces = [*_amounts(sight), *_speeds(sight, rate), *_verdicts(sight)]
    if rate and rate.left_s is not None:
        pieces.append(Field(f"ETA {duration(rate.left_s)}", 2, 10))
    return pieces


def share(sight: Sight) -> float | None:
    """Returns the share of a stage, or of the step that it is in, that is done; None if it is not known."""
    if sight.step:
        return min(1.0, sight.step_done / sight.total) if sight.step_done and sight.total else None
    if is_starting(sight):
        return None
    if sight.total:
        return min(1.0, sight.done / sight.total)
    return min(1.0, sight.parts / sight.items) if sight.items else None


def is_starting(sight: Sight) -> bool:
    """Returns whether all workers of a stage are still starting."""
    return bool(sight.items) and not (sight.workers or sight.done or sight.step)


def _amounts(sight: Sight) -> list[Field]:
    pieces = []
    part = share(sight)
    if sight.step:
        pieces.append(Field(sight.step, 0))
    elif is_starting(sight):
        return [Field(STARTING, 0)]
    if part is not None:
        pieces.append(Field(f"{100 * part:3.0f} %" if part == 1 else f"{int(100 * part):3} %", 0))
    if sight.total and part is not None:
        pieces.append(Field(amount(sight.step_done if sight.step else sight.done, sight.total, sight.unit), 1))
    if sight.items > 1 and not sight.step:
        pieces.append(Field(f"{sight.parts:,} of {sight.items:,} parts", 9, 16))
    return pieces


def _speeds(sight: Sight, rate: Rate | None) -> list[Field]:
    pieces = []
    if rate and rate.documents and sight.unit == "bytes":
        pieces.append(Field(f"{number(rate.documents)} docs/s", 4, 11))
    if rate and rate.amount:
        speed = f"{number(rate.amount)} URLs/s" if sight.unit == "URLs" else f"{size(rate.amount)}/s"
        pieces.append(Field(speed, 5, 8))
    return pieces


def _verdicts(sight: Sight) -> list[Field]:
    pieces = []
    judged = sight.kept + sight.rejected
    if judged and not sight.step:
        pieces.append(Field(f"kept {100 * sight.kept / judged:.0f} %", 3, 9))
        top = [*sight.reasons.items()][:TOP]
        shares = [
            f"{reason.removeprefix(f'{sight.stage}.')} {100 * count / judged:.0f} %"
            for reason, count in top
            if 100 * count >= judged
        ]
        if shares:
            pieces.append(Field(f"top: {shares[0]}", 6, 18))
        pieces += [Field(text, 7, 12) for text in shares[1:]]
    if sight.failed:
        pieces.append(Field(f"{sight.failed:,} failed", 2))
    return pieces


def line(name: str, parts: list[Field]) -> str:
    """Returns a line of progress as plain text."""
    return f"{name:9} {', '.join(field.text.strip() for field in parts)}"


def amount(done: int, total: int, unit: str = "bytes") -> str:
    """Returns the done part and the total, both in one unit.

    >>> amount(1_312_000_000, 3_100_000_000)
    '1.3 of 3.1 GB'
    >>> amount(10_400_000, 21_000_000), amount(104_000, 812_000)
    ('10.4 of 21.0 MB', '104 of 812 kB')
    >>> amount(12, 3100, "URLs")
    '12 of 3,100 URLs'
    """
    if unit != "bytes":
        return f"{done:,} of {total:,} {unit}"
    power = _power(total)
    digits = 1 if power and total / 1000**power < 100 else 0
    return f"{done / 1000**power:.{digits}f} of {total / 1000**power:.{digits}f} {UNITS[power]}"


def size(value: float) -> str:
    """Returns a number of bytes in the unit that suits it.

    >>> size(1_900_000), size(980), size(20_400_000)
    ('1.9 MB', '980 bytes', '20 MB')
    """
    power = _power(value)
    return f"{value / 1000**power:.{1 if power and value < 10 * 1000**power else 0}f} {UNITS[power]}"


def _power(value: float) -> int:
    power = 0
    while value >= 1000 and power < len(UNITS) - 1:
        value, power = value / 1000, power + 1
    return power


def number(value: float) -> str:
    """Returns a rate with one decimal below 10, else as a whole number.

    >>> number(212.4), number(2.46), number(12345.6)
    ('212', '2.5', '12,346')
    """
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Returns a time in its two largest units.

    >>> duration(45), duration(760), duration(11_100), duration(187_200)
    ('45s', '12m40s', '3h05m', '2d04h')
    """
    left = round(seconds)
    for unit, name, below in ((86400, "d", (3600, "h")), (3600, "h", (60, "m")), (60, "m", (1, "s"))):
        if left >= unit:
            return f"{left // unit}{name}{left % unit // below[0]:02}{below[1]}"
    return f"{left}s"

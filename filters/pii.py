"""Personal data and secrets in texts: counted always, masked by choice.

What is masked by default is what FineWeb masks (arXiv:2406.17557): e-mail addresses and public IP addresses, of IPv6
those of 2000::/3. Kinds of other corpora stand beside them: telephone numbers that Google's libphonenumber takes for
valid, IBANs with right check digits (ISO 13616), card numbers that pass Luhn's test (ISO/IEC 7812), and secrets by the
published forms of their tokens. A mask is the kind in angle brackets: "<email>".
"""

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec

from curate.errors import SettingsError, install
from curate.filters.judged import Judged, Outcome, Signals
from curate.records import Document, Reason

EMAIL = re.compile(
    r"(?<![\w.%+-])[A-Za-z0-9](?:[\w.%+-]{0,62}[A-Za-z0-9])?@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}"
    r"[A-Za-z]{2,24}(?![\w@])",
    re.ASCII,
)
ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)|(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{3,39}(?!:))(?!\w)", re.ASCII
)
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.ASCII)
CARD = re.compile(r"(?<![\w.-])[3-6]\d{3}(?:[ -]?\d){9,15}(?![\w-]|\.\d)", re.ASCII)
PHONE = re.compile(r"\+\d|\d[ ().\-/]*(?:\d[ ().\-/]*){5}\d", re.ASCII)
SECRET = re.compile(
    r"\b(?:A(?:KIA|SIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9_]{82}|glpat-[\w-]{20,64}"
    r"|xox[abprs]-[0-9A-Za-z-]{10,250}|AIza[\w-]{35}|[rs]k_live_[0-9A-Za-z]{24,99}|npm_[A-Za-z0-9]{36}"
    r"|pypi-AgEIcHlwaS5vcmc[\w-]{50,250}|SG\.[\w-]{22}\.[\w-]{43}|sk-(?:proj-|ant-)?[\w-]{40,200}"
    r"|eyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]{10,2000})(?![\w-])"
    r"|-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----[^-]{1,10000}-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----",
    re.ASCII,
)
KINDS = ("secret", "email", "iban", "card", "ip", "phone")  # in the order in which they are looked for
MODULES = {"phone": "phonenumbers", "iban": "stdnum", "card": "stdnum"}

UNICAST = ipaddress.ip_network("2000::/3")  # the addresses of IPv6 that are given out; "a::b" is code

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pii:
    """Kinds of personal data that are counted, and those that are masked (FineWeb, arXiv:2406.17557, and others)."""

    kinds: tuple[str, ...] = KINDS  # counted
    mask: tuple[str, ...] = ("email", "ip")  # and masked: FineWeb's; an empty list masks nothing
    # Countries whose numbers are telephone numbers without "+" and a country's code too, as "US"; none by default.
    phone_regions: tuple[str, ...] = ()
    max_found: int = 1_000_000  # of all kinds together; a text with more is rejected

    def __post_init__(self) -> None:
        wrong = [kind for kind in (*self.kinds, *self.mask) if kind not in KINDS]
        if wrong:
            raise ValueError(f"kinds and mask take {', '.join(KINDS)}, not {wrong[0]!r}")
        if others := [kind for kind in self.mask if kind not in self.kinds]:
            raise ValueError(f"mask names {others[0]!r}, which kinds does not name")
        if wrong := [region for region in self.phone_regions if not re.fullmatch("[A-Z]{2}", region)]:
            raise ValueError(f"phone_regions takes codes such as 'US', not {wrong[0]!r}")


def judge_pii(document: Document, rules: Pii) -> Outcome:
    """Returns the document with its data masked and counted, why it is rejected, or None where it holds none."""
    return _outcome(document, places_of(document.text, rules), rules)


def pii_signals(document: Document, rules: Pii) -> Signals:
    """Returns what `judge_pii` returns, and how many there are of each kind, and of all together."""
    places = places_of(document.text, rules)
    kinds = [kind for _, kind in places]
    values = {"too_many": len(places), **{kind: kinds.count(kind) for kind in rules.kinds}}
    return Signals(_outcome(document, places, rules), values)


def _outcome(document: Document, places: list[tuple[Span, str]], rules: Pii) -> Outcome:
    if not places:
        return None
    if len(places) > rules.max_found:
        return Reason("pii.too_many", len(places), rules.max_found)
    notes: dict[str, int] = {}
    pieces: list[str] = []
    end = 0
    for (start, stop), kind in places:
        notes[f"pii.{kind}"] = notes.get(f"pii.{kind}", 0) + 1
        if kind in rules.mask:
            pieces += [document.text[end:start], f"<{kind}>"]
            end = stop
    text = "".join([*pieces, document.text[end:]])
    return Judged(replace(document, text=text) if pieces else document, None, notes)


def places_of(text: str, rules: Pii) -> list[tuple[Span, str]]:
    """Returns the places and kinds of personal data in order; none overlaps another, as the first kind wins.

    >>> places_of("Mail a.b@c.example from 8.8.8.8 or 10.0.0.1.", Pii(kinds=("email", "ip")))
    [((5, 18), 'email'), ((24, 31), 'ip')]
    """
    taken: list[tuple[Span, str]] = []  # sorted
    for kind in KINDS:
        for start, stop in SEARCHES[kind](text, rules) if kind in rules.kinds else ():
            place = bisect_left(taken, ((start, stop), ""))
            after_last = place == 0 or taken[place - 1][0][1] <= start
            if after_last and (place == len(taken) or stop <= taken[place][0][0]):
                taken.insert(place, ((start, stop), kind))
    return taken


def need_libraries(rules: Pii) -> None:
    """Raises SettingsError where a library that these kinds need is not installed."""
    lacking = sorted({MODULES[kind] for kind in rules.kinds if kind in MODULES and not find_spec(MODULES[kind])})
    if lacking:
        raise SettingsError(f"filter.pii: {' and '.join(lacking)} not installed: {install(['pii'])}")


def _emails(text: str, _rules: Pii) -> Iterator[Span]:
    return (match.span() for match in EMAIL.finditer(text)) if "@" in text else iter(())


def _addresses(text: str, _rules: Pii) -> Iterator[Span]:
    for match in ADDRESS.finditer(text):
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            continue
        if address.is_global and (address.version == 4 or address in UNICAST):
            yield match.span()


def _ibans(text: str, _rules: Pii) -> Iterator[Span]:
    from stdnum import iban

    return (match.span() for match in IBAN.finditer(text) if iban.is_valid(match[0]))


def _cards(text: str, _rules: Pii) -> Iterator[Span]:
    from stdnum import luhn

    for match in CARD.finditer(text):
        digits = match[0].replace(" ", "").replace("-", "")
        if 13 <= len(digits) <= 19 and len(set(digits)) > 1 and luhn.is_valid(digits):
            yield match.span()


def _phones(text: str, rules: Pii) -> Iterator[Span]:
    if not PHONE.search(text):
        return
    from phonenumbers import PhoneNumberMatcher

    spans = {
        (match.start, match.end)
        for region in (None, *rules.phone_regions)
        for match in PhoneNumberMatcher(text, region)
        if region or match.raw_string.startswith("+")
    }
    yield from sorted(spans)


def _secrets(text: str, _rules: Pii) -> Iterator[Span]:
    return (match.span() for match in SECRET.finditer(text))


SEARCHES: dict[str, Callable[[str, Pii], Iterator[Span]]] = {
    "secret": _secrets,
    "email": _emails,
    "iban": _ibans,
    "card": _cards,
    "ip": _addresses,
    "phone": _phones,
}

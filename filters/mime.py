"""Media types that may become documents."""

from curate.filters.rules import MimeRules
from curate.records import Reason


def reason(mime: str | None, rules: MimeRules) -> Reason | None:
    """Why this media type is refused, or None; parameters and case do not count, and an unknown type (None) passes.

    >>> reason("Text/HTML; charset=utf-8", MimeRules()) is None
    True
    """
    if mime is None or mime.partition(";")[0].strip().casefold() in rules.allowed:
        return None
    return Reason("mime.not_allowed", detail=mime)

"""Media types that may become documents."""

from dataclasses import dataclass

from curate.records import Document, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class MimeRules:
    """Media types that may become documents."""

    allowed: tuple[str, ...] = ("text/html", "application/xhtml+xml", "text/plain")


def judge_mime(document: Document, rules: MimeRules) -> Reason | None:
    """Returns why the document's media type is refused, or None."""
    return reason(document.mime, rules)


def reason(mime: str | None, rules: MimeRules) -> Reason | None:
    """Why this media type is refused, or None; parameters and case do not count, and an unknown type (None) passes.

    >>> reason("Text/HTML; charset=utf-8", MimeRules()) is None
    True
    """
    if mime is None or mime.partition(";")[0].strip().casefold() in rules.allowed:
        return None
    return Reason("mime.not_allowed", detail=mime)

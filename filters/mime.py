"""The rule on media types: only those that hold text become documents."""

from dataclasses import dataclass

from curate.records import Document, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class MimeRules:
    """The media types that may become documents."""

    allowed: tuple[str, ...] = ("text/html", "application/xhtml+xml", "text/plain")  # in lower case, no parameters


def judge_mime(document: Document, rules: MimeRules) -> Reason | None:
    """Returns why the document's media type is refused, or None."""
    return reason(document.mime, rules)


def reason(mime: str | None, rules: MimeRules) -> Reason | None:
    """Returns why this media type is refused, or None; an unknown type (None) passes.

    Parameters and the case of letters do not count.

    >>> reason("Text/HTML; charset=utf-8", MimeRules()) is None
    True
    """
    if mime is None or mime.partition(";")[0].strip().casefold() in rules.allowed:
        return None
    return Reason("mime.not_allowed", detail=mime)

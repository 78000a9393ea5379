"""The result of judging a document: the document as the rules left it, the reason why one rejects it, and counts."""

from collections.abc import Mapping
from typing import NamedTuple

from curate.records import Document, Reason


class Judged(NamedTuple):
    """A judged document; `reason` is None where no rule rejects it, `notes` counts what the rules changed."""

    document: Document
    reason: Reason | None
    notes: Mapping[str, int]


# What one rule returns: None keeps the document as it is, a Reason rejects it, a Judged holds a changed document.
Outcome = Judged | Reason | None

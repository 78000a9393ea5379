"""Pages for the extractor: one of plain prose, and one that takes it long."""

from dataclasses import replace
from datetime import UTC, datetime

from curate.records import Page, Pointer

PARAGRAPH = "The lighthouse keeper walked down to the harbour every morning to look at the boats and the gulls. " * 3
PAGE = Page(
    url="http://a/",
    timestamp=datetime(2020, 1, 2, 12, tzinfo=UTC),
    status=200,
    mime="text/html",
    charset="",
    body=f"<html><head><title>Keeper</title></head><body><article><p>{PARAGRAPH}</p></article></body></html>".encode(),
    pointer=Pointer(file="f.warc", offset=7, length=99),
)
# Deeply nested markup, in which resiliparse takes the square of the depth.
SLOW = replace(PAGE, url="http://slow/", body=b"<html><body>" + b"<div><span>word " * 3_000 + b"</body></html>")

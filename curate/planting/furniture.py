"""Lines of page furniture, as extractors leave them in texts: menus, notices, share bars, teasers, footers."""

from collections.abc import Sequence

from curate.planting.cutting import gap, paragraphs
from curate.planting.slots import Draw, filled

BEFORE = (
    "Skip to main content",
    "Skip to navigation",
    "{sections}",
    "Menu  Search  Log in",
    "Home > {section} > {topic}",
    "You are here: Home / {section} / {topic} / {headline}",
    "{site}",
    "{site} - {section}",
    "Subscribe now for {price} a month",
    "Sign in | Register | Subscribe",
    "We use cookies to give you the best experience on {site}. Accept all  Reject  Manage preferences",
    "This website uses cookies. By continuing to browse you agree to our use of cookies.",
    "Your browser does not support JavaScript. Some features of this page may not work.",
    "By {name}, {section} correspondent",
    "Published {date} | Updated {date}",
    "Posted by {name} on {date} in {section}",
    "Last updated {age}",
    "{n} min read",
    "{nnn} shares",
    "Share: {networks}",
    "Share this article on {network}",
    "Listen to this article  {n}:{nn}",
    "Photo: {name} / {site}",
    "Advertisement",
    "Print  E-mail  Save",
    "Text size  A  A  A",
    "{nn} comments",
    "Breaking: {headline}",
)
INSIDE = (
    "Advertisement",
    "Advertisement - story continues below",
    "Read more: {headline}",
    "READ MORE: {headline}",
    "Related: {headline}",
    "See also: {headline}",
    "Story continues after the advertisement",
    "Sign up to our {section} newsletter and get the best of {site} in your inbox every week.",
    "Enter your e-mail address  Subscribe",
    "Click here to enlarge the picture",
    "Photo: {name}",
    "Share on {network}",
    "Watch: {headline}  {n}:{nn}",
    "Support independent journalism. Give from {price} a month.",
    "You have {n} free articles left this month. Subscribe for {price}.",
    "Loading...",
    "Most popular in {section}",
    "[Embedded post from {network}: allow content from third parties to see it]",
    "Sponsored: {product}, now {price}",
)
AFTER = (
    "Share this: {networks}",
    "Tags: {tags}",
    "Filed under: {section}, {section}",
    "Previous: {headline}",
    "Next: {headline}",
    "You may also like",
    "{headline}  {age}",
    "Most read: {headline}",
    "Related stories: {headline} | {headline}",
    "Leave a reply. Your e-mail address will not be published. Required fields are marked *",
    "Log in to comment",
    "{nn} comments  Newest  Oldest  Best",
    "Report this comment  Reply",
    "Was this page helpful?  Yes  No",
    "Sign up for our newsletter",
    "Follow us on {networks}",
    "Download our app for Android and iOS",
    "Copyright {year} {site}. All rights reserved.",
    "© {year} {site}",
    "{pages}",
    "Reproduction without permission of {site} is prohibited.",
    "Back to top",
    "Powered by {place} CMS",
    "Subscribe  Advertise  Contact  {page}",
    "Register for free to read {nn} more articles on {topic}",
    "Page views: {nnn}",
    "This article was first published on {date}.",
)
COUNTS = {"before": (2, 7), "inside": (1, 5), "after": (3, 9)}  # lines, drawn between these


def header(draw: Draw) -> list[str]:
    """Returns the lines before a text."""
    return _lines(BEFORE, draw, *COUNTS["before"])


def footer(draw: Draw) -> list[str]:
    """Returns the lines behind a text."""
    return _lines(AFTER, draw, *COUNTS["after"])


def furnished(place: str, text: str, draw: Draw) -> tuple[str, tuple[str, ...]]:
    """Returns a text with furniture, and the lines that were added.

    place: before, inside, after, or around, which is all three.
    """
    before = header(draw) if place in ("before", "around") else []
    inside = _lines(INSIDE, draw, *COUNTS["inside"]) if place in ("inside", "around") else []
    after = footer(draw) if place in ("after", "around") else []
    body = spread(text, inside, draw)
    return gap(text).join([*before, body, *after]), (*before, *inside, *after)


def spread(text: str, added: Sequence[str], draw: Draw) -> str:
    """Returns a text with some passages between its paragraphs, in their order; behind it where it has but one."""
    parts = paragraphs(text)
    places = sorted(draw.randint(1, max(1, len(parts) - 1)) for _ in added)
    for place, passage in reversed([*zip(places, added, strict=True)]):
        parts.insert(place, passage)
    return gap(text).join(parts)


def _lines(templates: Sequence[str], draw: Draw, fewest: int, most: int) -> list[str]:
    """Returns some lines in the order of their templates, which is that of a page."""
    number = draw.randint(fewest, most)
    chosen = sorted(draw.sample(range(len(templates)), number))
    return [filled(templates[at], draw) for at in chosen]

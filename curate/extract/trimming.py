"""What an extractor selects, or what stands beside it, and is not text: share lists, teasers, dates, last headings.

An element whose classes name it a share list, a newsletter box or the like is left out if no block in it is prose, so
that a wrongly named element keeps its text. A date of publication is told by its words or by the classes around it. A
heading with no text below it headed what was left out.
"""

import re
from functools import lru_cache
from itertools import compress
from typing import Any

from curate.markup.blocks import CODE, FORMULA, HEADING, PARAGRAPH, ROW, Block

SHORT = 90  # characters of a line that can be a date of publication
LINE = 150  # characters of a block that a share list can hold; of prose there are more
DATES = 3  # of a page itself; more of them belong to what it lists, such as entries of a diary
FEW = 2  # headings behind all text; more of them are a list of stories
LINKED = 0.9  # of a line's characters, if it is a link to another page
HEADLINE = 25  # characters of the title of another page
ARTICLE = 5  # times as long as all lines that are links: a text; else they are what the page holds
AROUND = 3  # elements around a block whose classes may say that it is a date
FURNITURE = re.compile(
    r"(?:(?<![A-Za-z])|(?=[A-Z]))(?i:share|sharing|shares|social|newsletter|subscri\w*|cookies?|consent|gdpr|related"
    r"|recommend\w*|outbrain|taboola|breadcrumbs?|pagination|pager|adverts?|advertisements?|sponsor\w*|toolbar|tags)(?![a-z])"
)
DATED = re.compile(
    r"(?:(?<![A-Za-z])|(?=[A-Z]))(?i:date|dateline|datetime|time|timestamp|pubdate|published|updated|posted"
    r"|byline|meta|author)(?![a-z])"
)
TEASER = re.compile(
    r"(?i)[\[(]?(?:(?:read|see|view|learn|find out) (?:more|also|next)\s*:|also (?:read|see)\b|related\s*:|watch\s*:"
    r"|don.t miss\b|click here\b|(?:follow|like) (?:us|me|\w+(?: \w+)?) on (?:twitter|facebook|instagram|x)\b"
    r"|source\s*:|(?:subscribe|sign up) (?:to|for) |share (?:this|it) (?:with|on)\b)"
)
YEAR_OR_TIME = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|(?<!\d)\d{1,2}:\d\d(?!\d)")
SENTENCE_END = re.compile(r"(?<![ap]\.m)[.!?…。！？][\"'”’»)\]]*$")
DATE_WORDS = re.compile(
    r"(?i)(?:(?:first|last|originally)\s+)?(?:published|updated|posted|modified|created|written)\b[^.!?]*\d[^.!?]*"
    r"|by\b.{2,60}(?:19|20)\d\d(?:\W|\d|at\b|[ap]\.?m\b|[A-Z]{2,4}\b)*"
)


def trimmed(blocks: list[Block], selected: list[bool], chosen: list[bool]) -> list[bool]:
    """Returns the choice without what is furniture in it; selected: what the extractor itself selected."""
    kept = list(chosen)
    leave_out_dates(blocks, kept)
    leave_out_teasers(blocks, kept)
    leave_out_lists(blocks, kept)
    leave_out_repeated_lead(blocks, selected, kept)
    leave_out_last_headings(blocks, selected, kept)
    return kept if any(kept) else chosen


def leave_out_dates(blocks: list[Block], kept: list[bool]) -> None:
    """Leaves out the date of a page, but no dates of a page that has many, as those of its entries."""
    places = [place for place, is_kept in enumerate(kept) if is_kept and is_dated(blocks[place])]
    if len(places) <= DATES:
        for place in places:
            kept[place] = False


def is_dated(block: Block) -> bool:
    """Returns True if a block is a line that says when a page was published, and by whom."""
    text = block.text
    if len(text) > SHORT or block.kind in (HEADING, CODE, FORMULA, ROW) or "://" in text:
        return False
    if not YEAR_OR_TIME.search(text) or SENTENCE_END.search(text):
        return False
    return DATE_WORDS.fullmatch(text) is not None or any(DATED.search(name) for name in names(block.element, AROUND))


def names(element: Any, levels: int) -> list[str]:
    """Returns the classes and ids of an element and of those around it, up to a number of levels."""
    values = []
    while element is not None and levels:
        values += [value for value in (element.get("class"), element.get("id")) if value]
        element, levels = element.getparent(), levels - 1
    return values


def leave_out_teasers(blocks: list[Block], kept: list[bool]) -> None:
    """Leaves out lines of an article that are links to other pages, or that say so."""
    places = [place for place, is_kept in enumerate(kept) if is_kept and is_teaser(blocks[place])]
    length = sum(len(blocks[place].text) for place in places)
    whole = sum(len(block.text) for block in compress(blocks, kept))
    if length * ARTICLE < whole:
        for place in places:
            kept[place] = False


def is_teaser(block: Block) -> bool:
    """Returns True if a block is a line that leads to another page."""
    if block.kind is not PARAGRAPH or len(block.text) > LINE:
        return False
    if TEASER.match(block.text):
        return True
    if len(block.text) < HEADLINE or "://" in block.text:
        return False
    return block.links >= LINKED * len(block.text) and not SENTENCE_END.search(block.text)


def leave_out_lists(blocks: list[Block], kept: list[bool]) -> None:
    """Leaves out the blocks of furniture that holds no prose."""
    verdicts: dict[Any, Any] = {None: None}

    def furniture(element: Any) -> Any:
        """Returns the outermost element of furniture around an element, or None."""
        if element not in verdicts:
            outer = furniture(element.getparent())
            is_named = any(map(is_furniture, names(element, 1)))
            verdicts[element] = outer if outer is not None else element if is_named else None
        return verdicts[element]

    places: dict[Any, list[int]] = {}
    for place, is_kept in enumerate(kept):
        block = blocks[place]
        holder = furniture(block.element.getparent() if block.kind is HEADING else block.element) if is_kept else None
        if holder is not None:
            places.setdefault(holder, []).append(place)
    for inside in places.values():
        if all(len(blocks[place].text) < LINE and blocks[place].kind is not CODE for place in inside):
            for place in inside:
                kept[place] = False


@lru_cache(maxsize=1 << 14)
def is_furniture(name: str) -> bool:
    """Returns True for the class or the id of furniture; cached, as a site has few of them."""
    return FURNITURE.search(name) is not None


def leave_out_repeated_lead(blocks: list[Block], selected: list[bool], kept: list[bool]) -> None:
    """Leaves out a lead before the selected blocks that stands among the others as well."""
    first = selected.index(True) if True in selected else 0
    others = {block.text for block, is_kept in zip(blocks[first:], kept[first:], strict=True) if is_kept}
    for place in range(first):
        if kept[place] and blocks[place].text in others:
            kept[place] = False
        others.add(blocks[place].text)


def leave_out_last_headings(blocks: list[Block], selected: list[bool], kept: list[bool]) -> None:
    """Leaves out the headings behind all text; one or two stay that the extractor selected and that are no links."""
    last: list[int] = []
    for place in range(len(blocks) - 1, -1, -1):
        if kept[place]:
            if blocks[place].kind is not HEADING:
                break
            last.append(place)
    if len(last) > FEW or any(blocks[place].links or not selected[place] for place in last):
        for place in last:
            kept[place] = False

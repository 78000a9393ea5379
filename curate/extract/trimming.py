"""Leaves out of a choice of blocks what is not text: share lists, teasers, dates, last headings.

An element whose classes name it a share list, a newsletter box or the like is left out if no block in it is prose, so
that a wrongly named element keeps its text, and so does one that holds most of a page. A date of publication is told
by its words or by the classes around it. A heading with no text below it headed what was left out.
"""

import re
from functools import lru_cache
from itertools import compress
from typing import Any

from curate.markup.blocks import CAPTION, CODE, FORMULA, HEADING, ITEM, PARAGRAPH, ROW, Block
from curate.markup.code import REMEMBERED
from curate.markup.elements import inherited
from curate.markup.furniture import MENU_TAGS, TAXONOMY, hides, is_about_topic, names
from curate.text.phrases import LAST_HEADING, is_call, is_stock_phrase, names_other_page

LINKED = 0.5  # of a block's characters: from here on it is a menu, a list of stories or of tags
SHORT = 90  # characters of a line that can be a date of publication
LETTERS = 3  # in a row, each on its line; one alone may end a text
LINE = 150  # characters of a block that a newsletter box can hold, or that a link to another page has
PROSE = 80  # characters of a paragraph that is prose wherever it stands; captions, bylines and notices are shorter
SENTENCE = 40  # characters of a paragraph that is prose if it ends as a sentence does
DATES = 3  # of a page itself; more of them belong to what it lists, such as entries of a diary
FEW = 2  # headings behind all text; more of them are a list of stories
LEADING = 0.2  # of a sentence's characters that are links, if it leads to another page
WHOLE = 0.9  # of a line's characters, if it is a link to another page
HEADLINE = 25  # characters of the title of another page
ARTICLE = 5  # times as long as all lines that are links: a text; else they are what the page holds
STOCK_LENGTH = 60  # characters; a longer block holds more than a stock phrase
AROUND = 3  # elements around a block whose classes may say that it is a date
FURNITURE = re.compile(
    r"(?:(?<![A-Za-z])|(?=[A-Z]))(?i:share|sharing|shares|social|newsletter|subscri\w*|cookies?|consent|gdpr|related"
    r"|recommend\w*|outbrain|taboola|breadcrumbs?|pagination|pager|adverts?|advertisements?|sponsor\w*|toolbar|tags)(?![a-z])"
)
BOX = re.compile(r"(?i)newsletter|cookie|consent|gdpr")  # furniture of whatever size
DATED = re.compile(
    r"(?:(?<![A-Za-z])|(?=[A-Z]))(?i:date|dateline|datetime|time|timestamp|pubdate|published|updated|posted"
    r"|byline|meta|author)(?![a-z])"
)
MARKUP = re.compile(  # left as text, and signs between links
    r"<(?:img|iframe|script|a|br|hr)\b[^<>]*>|\[(\w+) [^\[\]]*=[^\[\]]*\](?:[^\[\]]*\[/\1\])?|[|·•/\s]+"
)
COPYRIGHT = re.compile(r"(?i)(?:copyright\s*)?(?:©|ⓒ|\(c\)\s*(?:19|20)\d\d)|copyright\b[^.!?]{0,40}\b(?:19|20)\d\d")
YEAR_OR_TIME = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|(?<!\d)\d{1,2}:\d\d(?!\d)")
SENTENCE_END = re.compile(r"(?<![ap]\.m)[.!?…。！？][\"'”’»)\]]*$")
PROSE_END = re.compile(r"[.!?…。！？।؟:;][\"'”’»)\]]*$")
MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?"
DAY = (
    rf"(?:\d{{1,2}}(?:st|nd|rd|th)?\.?[\s-]*(?:of\s+)?{MONTH}[\s,-]+\d{{4}}|{MONTH}\s*\d{{1,2}}(?:st|nd|rd|th)?,?\s*\d{{4}}"
    r"|\d{4}[-/.]\d\d?[-/.]\d\d?|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{1,2}:\d\d)"
)
FULL_DATE = re.compile(rf"(?i)\b{DAY}")
DATE_WORDS = re.compile(
    r"(?i)(?:(?:first|last|originally)\s+)?(?:published|updated|posted|modified|created|written)\b"
    rf"(?:\W|\b(?:on|at|(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?|(?:by|in)\b[^.!?]{{2,50}}?)\b)*\b(?:{DAY}|{MONTH}\s*\d{{4}})[^.!?]*"
    r"|by\b.{2,60}(?:19|20)\d\d(?:\W|\d|at\b|[ap]\.?m\b|[A-Z]{2,4}\b)*"
)


def trimmed(blocks: list[Block], selected: list[bool], chosen: list[bool]) -> list[bool]:
    """Returns the choice without what is furniture in it; selected: what the extractor itself selected."""
    kept = list(chosen)
    leave_out_dates(blocks, kept)
    leave_out_teasers(blocks, kept)
    leave_out_lists(blocks, kept)
    leave_out_last_letters(blocks, kept)
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
    is_item = block.kind is ITEM
    if any(DATED.search(name) for name in names(block.element, AROUND)):
        return not is_item or FULL_DATE.search(text) is not None
    return not is_item and DATE_WORDS.fullmatch(text) is not None


def leave_out_teasers(blocks: list[Block], kept: list[bool]) -> None:
    """Leaves out lines of an article that are links to other pages, or that say so."""
    places = [place for place, is_kept in enumerate(kept) if is_kept and is_teaser(blocks[place])]
    length = sum(len(blocks[place].text) for place in places)
    whole = sum(len(block.text) for block in compress(blocks, kept))
    if length * ARTICLE < whole:
        for place in places:
            kept[place] = False


def is_teaser(block: Block) -> bool:
    """Returns True if a block is a line that leads to another page, or one of a page's foot."""
    text = block.text
    if len(text) > LINE or block.kind in (CODE, FORMULA, ROW):
        return False
    if COPYRIGHT.match(text):
        return True
    if block.kind is not PARAGRAPH:
        return False
    if is_call(text) or MARKUP.fullmatch(text):
        return True
    if names_other_page(text) and (block.links > LEADING * len(text) or is_no_sentence(text)):
        return True
    if len(text) < HEADLINE or "://" in text:
        return False
    return block.links >= WHOLE * len(text) and is_no_sentence(text)


def is_stock(block: Block) -> bool:
    """Returns True if a block is a stock phrase of page furniture, such as READ MORE."""
    return len(block.text) <= STOCK_LENGTH and block.kind != CODE and is_stock_phrase(block.text)


def is_no_sentence(text: str) -> bool:
    """Returns True if a text does not end as a sentence does."""
    return SENTENCE_END.search(text) is None


def is_prose(block: Block) -> bool:
    """Returns True if a block is a paragraph of prose by its length and its end."""
    if block.kind in (HEADING, CAPTION):
        return False
    length = len(block.text)
    return length >= PROSE or (length >= SENTENCE and PROSE_END.search(block.text) is not None)


def leave_out_lists(blocks: list[Block], kept: list[bool]) -> None:
    """Leaves out the blocks of furniture that holds no prose, and less than half of the page.

    Short sentences are no prose in a notice, such as a newsletter box, nor beside links, which they describe.
    """
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
    whole = sum(len(block.text) for block in compress(blocks, kept))
    for holder, inside in places.items():
        held = [blocks[place] for place in inside]
        may_be_prose = is_about_topic(holder, FURNITURE)
        is_text = any(
            block.kind is CODE or len(block.text) >= LINE or (may_be_prose and is_prose(block)) for block in held
        )
        is_most = sum(len(block.text) for block in held) > whole / 2
        if not is_text and (not is_most or any(map(BOX.search, names(holder, 1)))):
            for place in inside:
                kept[place] = False


def is_furniture(name: str) -> bool:
    """Returns True for the class or the id of furniture; short ones are remembered, as a site has few of them.

    What an article is about, as WordPress puts it into its classes (`tag-social-media`), says nothing of the element.
    """
    return _names_furniture(name) if len(name) <= REMEMBERED else _names_furniture.__wrapped__(name)


@lru_cache(maxsize=1 << 14)
def _names_furniture(name: str) -> bool:
    return FURNITURE.search(TAXONOMY.sub("", name)) is not None


def leave_out_last_letters(blocks: list[Block], kept: list[bool]) -> None:
    """Leaves out paragraphs of one letter behind all text if they are LETTERS or more, as of SHARE set upright."""
    last: list[int] = []
    for place in range(len(blocks) - 1, -1, -1):
        block = blocks[place]
        if kept[place]:
            if block.kind is not PARAGRAPH or len(block.text) > 1 or not block.text.isalpha():
                break
            last.append(place)
    if len(last) >= LETTERS:
        for place in last:
            kept[place] = False


def leave_out_repeated_lead(blocks: list[Block], selected: list[bool], kept: list[bool]) -> None:
    """Leaves out a lead before the selected blocks that stands among the others as well."""
    first = selected.index(True) if True in selected else 0
    others = {block.text for block, is_kept in zip(blocks[first:], kept[first:], strict=True) if is_kept}
    for place in range(first):
        if kept[place] and blocks[place].text in others:
            kept[place] = False
        others.add(blocks[place].text)


def leave_out_last_headings(blocks: list[Block], selected: list[bool], kept: list[bool]) -> None:
    """Leaves out the headings behind all text; one or two stay that the extractor selected and that head a text.

    A heading that is a link, or names other pages, heads none.
    """
    last: list[int] = []
    for place in range(len(blocks) - 1, -1, -1):
        if kept[place]:
            if blocks[place].kind is not HEADING:
                break
            if LAST_HEADING.fullmatch(blocks[place].text):
                kept[place] = False
            else:
                last.append(place)
    if len(last) > FEW or any(blocks[place].links or not selected[place] for place in last):
        for place in last:
            kept[place] = False


def is_text_of_page(block: Block) -> bool:
    """Returns True if a block is prose and no link."""
    return is_prose(block) and block.links <= LINKED * len(block.text)


def menus_of(blocks: list[Block]) -> set[Any]:
    """Returns the menus, sidebars and footers of a page by their tags, but no <aside> with most of its prose."""
    prose: dict[Any, int] = {}
    whole = 0
    for block in blocks:
        length = len(block.text) if is_text_of_page(block) else 0
        whole += length
        for menu in (block.element, *block.element.iterancestors()):
            if menu.tag in MENU_TAGS:
                prose[menu] = prose.get(menu, 0) + length
    return {menu for menu, length in prose.items() if menu.tag != "aside" or length <= whole / 2}


def in_menu(element: Any, menus: set[Any]) -> bool:
    """Returns True if an element is a menu or lies in one."""
    return element in menus or any(outer in menus for outer in element.iterancestors())


def visible(blocks: list[Block]) -> list[bool]:
    """Returns for each block whether a browser shows it."""
    is_hidden = inherited(hides)
    return [not is_hidden(block.element) for block in blocks]


def without_hidden(blocks: list[Block]) -> list[Block]:
    """Returns blocks without those that the attribute `hidden` hides, unless these are half of the text.

    A script shows as much; so it does with what `hidden="until-found"` hides.
    """
    is_hidden = inherited(lambda element: element.get("hidden", "until-found") != "until-found")
    shown = [block for block in blocks if not is_hidden(block.element)]
    if len(shown) == len(blocks):
        return blocks
    length, whole = (sum(len(block.text) for block in some) for some in (shown, blocks))
    return shown if 2 * length > whole else blocks

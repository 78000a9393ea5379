"""Adds blocks of main text that an extractor did not select, and removes selected ones that are furniture.

An extractor decides by elements, and loses blocks that stand among those that it keeps: a lead paragraph in a header,
loose words of a <div>, the list of a list article, later articles of a page. Here a block is judged by its neighbours
in the page's order. Between two selected blocks almost everything is text that a reader reads on; before the first and
behind the last only what is clearly prose, or belongs to a list or table of which a part is selected. Furniture is told
by the elements around a block, by the share of its characters that are links, and by stock phrases.
"""

import re
from collections import Counter
from itertools import compress, groupby, islice, pairwise
from typing import Any

from curate.extract.trimming import PROSE, PROSE_END, SENTENCE, TAXONOMY, is_about_topic, is_prose, trimmed
from curate.markup.blocks import CAPTION, CODE, FORMULA, HEADING, ITEM, ROW, Block
from curate.markup.elements import HIDDEN_STYLE, inherited
from curate.markup.notes import add_notes

LINKED = 0.5  # of a block's characters: from here on it is a menu, a list of stories or of tags
MENU = 4  # short links in a row, or more, are a menu and no part of a text
BESIDE = 20  # characters of a paragraph between siblings of which some are selected
WRAPPED = 4  # elements around code or a formula, of which one holds selected blocks
LEAD = 6  # blocks before the first selected one among which a lead stands: title, date, author, picture, tags
REACH = 12  # blocks behind the last selected one; more of them that are no text end the search
FEW = 250  # characters; of a page with fewer, the rest is looked through as well, as trafilatura does
OF_ALL = 0.4  # the least share of a page's text outside of menus that so short a text must be
STOCK_LENGTH = 60  # characters; a longer block holds more than a stock phrase
SPECIAL = (CODE, FORMULA)
WRAPPER_TAGS = ("div", "p", "figure", "span")
WRAPPER = re.compile(r"(?i)code|highlight|syntax|math|equation")  # classes of what holds code or a formula
MENU_TAGS = ("nav", "aside", "footer", "select", "button", "dialog", "menu")
FURNITURE_TAGS = frozenset((*MENU_TAGS, "form", "fieldset"))
PICTURE_TAGS = ("figure", "figcaption")
LIST_TAGS = ("ul", "ol", "li", "dl", "dd")
TEXT_TAGS = ("pre", "blockquote", "table")  # of what makes a figure a part of the text
FURNITURE_ROLES = frozenset(
    ("navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alertdialog", "menu", "toolbar")
)
NAMES = (  # words in the classes and ids of furniture
    "nav navbar navigation sidebar aside footer breadcrumbs? cookies? consent gdpr newsletter subscri\\w* signup"
    " share sharing social related recommend\\w* recirculation promo\\w* advert\\w* ads? sponsor\\w* banner popup modal"
    " overlay login comments? respond disqus pagination pager tags? author bio byline toolbar teasers? outbrain"
    " taboola print skip sr-only visually-hidden screen-reader\\w* noprint copyright trending popular readmore more"
    " hidden card rail carousel swiper slider slideshow gallery ticker disclosure"
)
PICTURES = "captions? credits? figure image img media photos? picture video"  # of what belongs to a picture
FURNITURE = re.compile(rf"(?:(?<![A-Za-z])|(?=[A-Z]))(?i:{'|'.join(f'{NAMES} {PICTURES}'.split())})(?![a-z])")
COLONS = (":", "：")
STOCK = re.compile(
    r"(?i)(?:continue reading|read (?:more|the full \w+|full \w+|next|also)|more|advertisement|ad"
    r"|sponsored(?: content)?|share(?: this)?(?: \w+)?|share on \w+|tweet|print|email|subscribe(?: now)?|sign up|log in"
    r"|loading|skip to \w+|back to top|show more|see more|view (?:all|more)|click here|comments?"
    r"|leave a (?:comment|reply)|no comments|related(?: \w+)?|you may also like|recommended(?: \w+)?)[\s.:!…»>→\d]*"
)
LAST_HEADING = re.compile(  # what stands below it is about other pages, or written by readers
    r"(?i)(?:related|recommended|more (?:(?:\w+ ){0,2}stories|from|on|in)|you (?:may|might) (?:also )?like|comments?"
    r"|leave a|\d+ comments?|responses|share|subscribe|newsletter|about the author|popular|trending|latest|read next"
    r"|see also|tags|advertis)\b.{0,40}"
)

Shape = tuple[Any, ...]


def completed(blocks: list[Block], selected: list[bool]) -> list[bool]:
    """Returns for each block whether it belongs to the main text."""
    page = Surroundings(blocks, selected)
    places = [place for place, chosen in enumerate(selected) if chosen]
    if not places:
        return selected
    chosen = list(selected)
    with_rows(blocks, chosen)
    for before, after in pairwise(places):
        for place in range(before + 1, after):
            is_linked = after - place <= 2 and page.is_linked_heading(blocks[place], blocks[after])
            chosen[place] = is_linked or page.is_text(blocks[place]) or page.is_list_of_links(place, chosen)
    page.add_lead(chosen, places[0])
    page.add_rest(chosen, places[-1])
    add_notes(blocks, chosen)
    return trimmed(blocks, selected, without_stock(blocks, chosen))


def without_stock(blocks: list[Block], chosen: list[bool]) -> list[bool]:
    """Returns the choice without stock phrases; a heading stays above prose, code or formulas."""
    kept = list(chosen)
    for place in range(len(blocks) - 1, -1, -1):
        if kept[place] and is_stock(blocks[place]):
            below = blocks[place + 1] if place + 1 < len(blocks) and kept[place + 1] else None
            is_above_text = below is not None and (below.kind in SPECIAL or is_text_of_page(below))
            kept[place] = blocks[place].kind is HEADING and is_above_text
    return kept


def is_text_of_page(block: Block) -> bool:
    """Returns True if a block is prose and no link."""
    return is_prose(block) and block.links <= LINKED * len(block.text)


def with_rows(blocks: list[Block], chosen: list[bool]) -> None:
    """Chooses all rows of a table of which one is chosen."""
    tables = {block.element for block, is_chosen in zip(blocks, chosen, strict=True) if is_chosen and block.kind is ROW}
    if tables:
        for place, block in enumerate(blocks):
            if block.kind is ROW and block.element in tables:
                chosen[place] = True


def paragraphs(blocks: list[Block]) -> list[bool]:
    """Returns for each block whether it is a paragraph, code or a table by its markup, outside of furniture.

    Of a page without a main part these are taken, as trafilatura does.
    """
    page = whole_page(blocks)
    return [
        (block.element.tag in ("p", "blockquote") or block.kind in (CODE, ROW))
        and block.links <= LINKED * len(block.text)
        and not page.is_furniture(block.element)
        for block in blocks
    ]


def whole_page(blocks: list[Block]) -> "Surroundings":
    """Returns the surroundings of a page of which nothing is selected; what holds most of its prose is no furniture."""
    page = Surroundings(blocks, [False] * len(blocks))
    prose: Counter[Any] = Counter()
    for block in blocks:
        if is_text_of_page(block):
            for outer in block.element.iterancestors():
                prose[outer] += len(block.text)
    whole = max(prose.values(), default=0)
    page.holders.update(element for element, length in prose.items() if length > whole / 2)
    return page


def without_furniture(blocks: list[Block], selected: list[bool]) -> list[bool]:
    """Returns a choice without menus, notices and the like, unless these are more than half of it."""
    page = whole_page(blocks)
    places = [place for place, is_chosen in enumerate(selected) if is_chosen]
    prose: list[int] = []
    for is_menu, run in groupby(places, lambda place: is_menu_entry(blocks[place])):
        entries = list(run)
        prose += [] if is_menu and len(entries) >= MENU else entries
    rest = [place for place in prose if not page.is_furniture(blocks[place].element)]
    whole, length = (sum(len(blocks[place].text) for place in choice) for choice in (prose, rest))
    if rest and length >= whole / 2:  # short lines among the rest are names and days above posts
        among = range(rest[0], rest[-1])
        rest += [place for place in prose if place in among and len(blocks[place].text) < SENTENCE]
    kept = set(rest if length >= whole / 2 else prose) or set(places)
    return [place in kept for place in range(len(blocks))]


def is_menu_entry(block: Block) -> bool:
    """Returns True if a block is a short link, as those of a menu are."""
    return len(block.text) < SENTENCE and block.links > LINKED * len(block.text)


def rescued(blocks: list[Block], chosen: list[bool]) -> list[bool]:
    """Returns the choice, or of a page of which hardly anything is chosen all that is neither menu nor hidden.

    On so short a page, captions between chosen blocks are text as well.
    """
    length = sum(len(block.text) for block in compress(blocks, chosen))
    if length >= FEW:
        return chosen
    shown = visible(blocks)
    menus = menus_of(blocks)
    wider = [
        is_visible
        and (block.links <= LINKED * len(block.text) or is_prose(block))
        and not is_stock(block)
        and not in_menu(block.element, menus)
        for block, is_visible in zip(blocks, shown, strict=True)
    ]
    whole = sum(len(block.text) for block in compress(blocks, wider))
    if length < OF_ALL * whole:
        return trimmed(blocks, chosen, wider)
    places = [place for place, is_chosen in enumerate(chosen) if is_chosen]
    first, last = (places[0], places[-1]) if places else (0, 0)
    return [
        is_chosen or (first < place < last and shown[place] and blocks[place].kind is CAPTION)
        for place, is_chosen in enumerate(chosen)
    ]


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


class Surroundings:
    """The elements around the blocks of a page."""

    def __init__(self, blocks: list[Block], selected: list[bool]) -> None:
        self.blocks = blocks
        self.holders: set[Any] = set()  # elements around selected blocks
        self.parents: set[Any] = set()  # the innermost of these
        self._shapes: set[Shape] = set()  # of the elements of selected blocks, once they are asked for
        self._furniture: dict[Any, bool] = {None: False}
        self._elements = dict.fromkeys(block.element for block in compress(blocks, selected))
        for element in self._elements:
            self._hold(element)

    def _hold(self, element: Any) -> None:
        """Notes the elements around a selected block."""
        self.parents.add(element.getparent())
        while element is not None and element not in self.holders:
            self.holders.add(element)
            element = element.getparent()

    def is_furniture(self, element: Any) -> bool:
        """Returns True if an element, or one around it that holds no selected block, is furniture or hidden."""
        verdict = self._furniture.get(element)
        if verdict is None:
            if element in self.holders:
                verdict = False
            else:
                verdict = looks_like_furniture(element) or self.is_furniture(element.getparent())
            self._furniture[element] = verdict
        return verdict

    def is_beside(self, block: Block) -> bool:
        """Returns True if a block stands as selected ones do: in one element with them, or in one of the same shape."""
        element = outermost(block.element) if block.kind in SPECIAL else block.element
        outer = outermost_list(element) if block.kind is ITEM else element
        if element in self.holders or outer.getparent() in self.parents:
            return True
        if not self._shapes:
            self._shapes = set(map(shape, self._elements))
        if shape(element) in self._shapes:
            return True
        around = islice(element.iterancestors(), WRAPPED) if block.kind in (CODE, FORMULA) else ()
        return any(outer in self.parents for outer in around)

    def is_text(self, block: Block) -> bool:
        """Returns True if a block between selected ones is text, not furniture."""
        if block.kind in SPECIAL:
            wrapper = outermost(block.element)
            return not self.is_furniture(wrapper.getparent()) and not hides(block.element) and not hides(wrapper)
        if block.links > LINKED * len(block.text) or self.is_furniture(block.element):
            return False
        if block.kind is not HEADING and is_stock(block):
            return False
        if block.kind in (ROW, HEADING, ITEM):
            return True
        if self.is_beside(block):
            return len(block.text) >= BESIDE or PROSE_END.search(block.text) is not None
        return is_prose(block)

    def is_list_of_links(self, place: int, chosen: list[bool]) -> bool:
        """Returns True if a block is an item of a list of links that a chosen heading or a colon announces."""
        block, before = self.blocks[place], self.blocks[place - 1]
        if block.kind is not ITEM or not chosen[place - 1] or is_stock(block) or self.is_furniture(block.element):
            return False
        if outermost_list(block.element).getparent() not in self.parents or is_of_contents(block.element):
            return False
        if before.kind is HEADING:
            return LAST_HEADING.fullmatch(before.text) is None
        return before.kind is ITEM or before.text.endswith(COLONS)

    def is_linked_heading(self, block: Block, below: Block) -> bool:
        """Returns True if a block is a heading of selected prose that links to a page of its own."""
        if block.kind is not HEADING or len(below.text) < 2 * PROSE or below.links > LINKED * len(below.text):
            return False
        return not is_stock(block) and not self.is_furniture(block.element)

    def add_lead(self, chosen: list[bool], first: int) -> None:
        """Chooses the lead before the first selected block: prose, and what stands beside selected blocks."""
        for place in range(first - 1, max(-1, first - LEAD - 1), -1):
            block = self.blocks[place]
            if self.is_text(block):
                is_title = block.kind is HEADING and (
                    block.element.getparent() in self.parents or (block.level > 1 and chosen[place + 1])
                )
                chosen[place] = is_title or (block.kind is not ITEM and is_prose(block))

    def add_rest(self, chosen: list[bool], last: int) -> None:
        """Chooses what follows the last selected block and stands as selected blocks do."""
        missed = 0
        pending: list[int] = []  # headings, code and formulas, which belong to the text if more of it follows
        for place in range(last + 1, len(self.blocks)):
            block = self.blocks[place]
            if block.kind == HEADING and LAST_HEADING.fullmatch(block.text):
                return
            if self.is_text(block):
                if self.is_beside(block):
                    for earlier in (*pending, place):
                        chosen[earlier] = True
                    missed, pending = 0, []
                    continue
                if block.kind in (HEADING, CODE, FORMULA):
                    pending.append(place)
            missed += 1
            if missed > REACH:
                return


def outermost(element: Any) -> Any:
    """Returns the outermost of the wrappers around code or a formula, which say nothing of what is around them."""
    while (parent := element.getparent()) is not None and parent.tag in WRAPPER_TAGS:
        classes = parent.get("class")
        if parent.tag != "figure" and not (WRAPPER.search(classes) if classes else len(parent) == 1):
            break
        element = parent
    return element


def is_of_contents(item: Any) -> bool:
    """Returns True if an item of a list links to a place of its own page, as a table of contents does."""
    return any((link.get("href") or "").startswith("#") for link in item.iter("a"))


def outermost_list(element: Any) -> Any:
    """Returns the list around an item that stands in no other list, or the element itself."""
    while (parent := element.getparent()) is not None and parent.tag in LIST_TAGS:
        element = parent
    return element


def shape(element: Any) -> Shape:
    """Returns an element's tag with the tags and classes of the two around it; like blocks of a page have one shape."""
    parent = element.getparent()
    if parent is None:
        return (element.tag,)
    outer = parent.getparent()
    around = () if outer is None else (outer.tag, outer.get("class"))
    return element.tag, element.get("class"), parent.tag, parent.get("class"), *around


def is_stock(block: Block) -> bool:
    """Returns True if a block is a stock phrase of page furniture, such as READ MORE."""
    return len(block.text) <= STOCK_LENGTH and block.kind != CODE and STOCK.fullmatch(block.text) is not None


def looks_like_furniture(element: Any) -> bool:
    """Returns True if an element's tag or attributes are those of menus, notices and the like, or if it is hidden."""
    if element.tag in FURNITURE_TAGS or hides(element):
        return True
    if element.tag in PICTURE_TAGS:
        figure = element if element.tag == "figure" else element.getparent()
        return next(figure.iter(*TEXT_TAGS), None) is None
    for name, value in element.items():
        if name in ("class", "id"):
            if FURNITURE.search(TAXONOMY.sub("", value)) and not is_about_topic(element, FURNITURE):
                return True
        elif (name == "role" and value in FURNITURE_ROLES) or (name == "aria-hidden" and value == "true"):
            return True
    return False


def hides(element: Any) -> bool:
    """Returns True if an element's attributes hide it and all in it."""
    return element.get("hidden") is not None or HIDDEN_STYLE.search(element.get("style", "")) is not None

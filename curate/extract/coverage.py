"""Adds blocks of main text that an extractor did not select, and removes selected ones that are furniture.

An extractor decides by elements, and loses blocks that stand among those that it keeps: a lead paragraph in a header,
loose words of a <div>, the list of a list article, later articles of a page. Here a block is judged by its neighbours
in the page's order. Between two selected blocks almost everything is text that a reader reads on; before the first and
behind the last only what is clearly prose, or belongs to a list or table of which a part is selected. Furniture is told
by the elements around a block, by the share of its characters that are links, and by stock phrases.
"""

from collections import Counter
from itertools import compress, groupby, islice, pairwise
from typing import Any

from curate.extract.trimming import (
    LINKED,
    PROSE,
    PROSE_END,
    SENTENCE,
    SENTENCE_END,
    in_menu,
    is_prose,
    is_stock,
    is_text_of_page,
    menus_of,
    trimmed,
    visible,
)
from curate.markup.blocks import CAPTION, CODE, FORMULA, HEADING, ITEM, PARAGRAPH, ROW, TERM, Block
from curate.markup.elements import Shape, outermost, outermost_list, shape
from curate.markup.furniture import hides, looks_like_furniture
from curate.markup.notes import add_notes
from curate.text.phrases import LAST_HEADING, SEE_ALSO

MENU = 4  # short links in a row, or more, are a menu and no part of a text
BESIDE = 20  # characters of a paragraph between siblings of which some are selected
WRAPPED = 4  # elements around code or a formula, of which one holds selected blocks
LEAD = 6  # blocks before the first selected one among which a lead stands: title, date, author, picture, tags
POINT = 25  # characters of an item on the average, of a list that stands before the first selected block
HEAD = 12  # the same, where a standfirst stands below the title: byline, credit, date, share buttons lie between
REACH = 12  # blocks behind the last selected one; more of them that are no text end the search
FEW = 250  # characters; of a page with fewer, the rest is looked through as well, as trafilatura does
OF_ALL = 0.4  # the least share of a page's text outside of menus that so short a text must be
SPECIAL = (CODE, FORMULA)
COLONS = (":", "：")
LABELLED = (ROW, ITEM, CODE, TERM)  # above which a short line is a label


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
            chosen[place] = page.is_text(blocks[place]) or page.is_list_of_links(place, chosen)
    page.add_first_list(chosen)
    page.add_labels(chosen)
    page.add_lead(chosen, chosen.index(True))
    page.add_rest(chosen, places[-1])
    page.add_linked_headings(chosen)
    page.add_sections_of_links(chosen)
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


class Surroundings:
    """The elements around the blocks of a page."""

    def __init__(self, blocks: list[Block], selected: list[bool]) -> None:
        self.blocks = blocks
        self.holders: set[Any] = set()  # elements around selected blocks
        self.parents: set[Any] = set()  # the innermost of these
        self._shapes: set[Shape] = set()  # of the elements of selected blocks, once they are asked for
        self._furniture: dict[Any, bool] = {None: False}
        self._titles: set[Shape] = set()  # of chosen headings that are links
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
        if leads_away(block) or self.is_furniture(block.element):
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
        before = self.blocks[place - 1]
        if not chosen[place - 1] or not self.is_listed(self.blocks[place]):
            return False
        if before.kind is HEADING:
            return LAST_HEADING.fullmatch(before.text) is None
        return before.kind is ITEM or before.text.endswith(COLONS)

    def is_listed(self, block: Block) -> bool:
        """Returns True if a block is an item of a list beside selected blocks that is no table of contents."""
        if block.kind is not ITEM or is_stock(block) or self.is_furniture(block.element):
            return False
        return outermost_list(block.element).getparent() in self.parents and not is_of_contents(block.element)

    def add_sections_of_links(self, chosen: list[bool]) -> None:
        """Chooses lists of links, such as sources, below headings that look like other headings of the text."""
        if sum(len(block.text) for block in compress(self.blocks, chosen)) < FEW:
            return
        headings = (block for block in compress(self.blocks, chosen) if block.kind is HEADING)
        shapes = Counter(shape(block.element) for block in headings)
        heading = None
        for place in range(chosen.index(True) if shapes else len(chosen), len(chosen)):
            block = self.blocks[place]
            if block.kind is HEADING:
                others = shapes[shape(block.element)] - chosen[place]
                is_last = LAST_HEADING.fullmatch(block.text) and not SEE_ALSO.fullmatch(block.text)
                heading = place if others and not is_last else None
            elif heading is None or not self.is_listed(block):
                heading = None
            else:
                chosen[heading] = chosen[place] = True

    def add_linked_headings(self, chosen: list[bool]) -> None:
        """Chooses headings that link to a page of their own where prose follows, as titles of posts do.

        The first one stays out unless one like it follows, as the title of a page does.
        """
        first = chosen.index(True)
        for place in range(len(chosen) - 2, -1, -1):
            block = self.blocks[place]
            if block.kind is HEADING and not chosen[place] and self.is_above_prose(place, chosen):
                if place > first:
                    chosen[place] = True
                    self._titles.add(shape(block.element))
                elif shape(block.element) in self._titles:
                    chosen[place] = True

    def add_first_list(self, chosen: list[bool]) -> None:
        """Chooses the list directly above the first chosen block, such as key points or ingredients."""
        end = start = chosen.index(True)
        while start and self.blocks[start - 1].kind is ITEM and self.is_text(self.blocks[start - 1]):
            start -= 1
        length = sum(len(block.text) for block in self.blocks[start:end])
        if length >= max(PROSE, POINT * (end - start)):
            chosen[start:end] = [True] * (end - start)

    def add_labels(self, chosen: list[bool]) -> None:
        """Chooses short lines directly above a chosen list, table or code."""
        for place in range(len(chosen) - 2, -1, -1):
            if chosen[place + 1] and not chosen[place] and self.blocks[place + 1].kind in LABELLED:
                chosen[place] = self.is_label(self.blocks[place])

    def is_label(self, block: Block) -> bool:
        """Returns True if a block is a short line of words that stands as selected blocks do."""
        if block.kind is not PARAGRAPH or len(block.text) >= SENTENCE or not any(map(str.isalpha, block.text)):
            return False
        if block.links > LINKED * len(block.text) or is_stock(block):
            return False
        return not self.is_furniture(block.element) and self.is_beside(block)

    def is_above_prose(self, place: int, chosen: list[bool]) -> bool:
        """Returns True if a heading stands above chosen prose, with at most one line between them."""
        block = self.blocks[place]
        below = list(compress(self.blocks[place + 1 : place + 3], chosen[place + 1 : place + 3]))
        if not below or not any(map(is_text_of_page, below[: 1 + (below[0].kind is not HEADING)])):
            return False
        return not is_stock(block) and not self.is_furniture(block.element)

    def add_lead(self, chosen: list[bool], first: int) -> None:
        """Chooses the lead before the first selected block: prose, and what stands beside selected blocks."""
        for place in range(first - 1, max(-1, first - HEAD - 1), -1):
            block = self.blocks[place]
            if first - place > LEAD:
                chosen[place] = self.is_standfirst(place) and self.is_text(block)
            elif self.is_text(block):
                is_title = block.kind is HEADING and self.is_title(place, chosen)
                is_lead = block.kind is not ITEM and is_prose(block)
                chosen[place] = is_title or is_lead or self.is_standfirst(place)

    def is_title(self, place: int, chosen: list[bool]) -> bool:
        """Returns True if a heading stands beside selected blocks, or directly above a chosen one; not so a <h1>."""
        block, below = self.blocks[place], self.blocks[place + 1]
        outer = block.element.getparent()
        if outer in self.parents:
            return True
        return chosen[place + 1] and (block.level > 1 or (below.kind is HEADING and below.element.getparent() is outer))

    def is_standfirst(self, place: int) -> bool:
        """Returns True if a block is a heading of a sentence or more below the title."""
        block, above = self.blocks[place], self.blocks[place - 1] if place else None
        if block.kind is not HEADING or above is None or above.kind is not HEADING or above.level >= block.level:
            return False
        length = len(block.text)
        return length >= PROSE or (length >= SENTENCE and SENTENCE_END.search(block.text) is not None)

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


def is_of_contents(item: Any) -> bool:
    """Returns True if an item of a list links to a place of its own page, as a table of contents does."""
    return any((link.get("href") or "").startswith("#") for link in item.iter("a"))


def leads_away(block: Block) -> bool:
    """Returns True if most of a block is links; a heading is none that unfolds what stands below it, or links to it."""
    return block.links > LINKED * len(block.text) and not (block.kind is HEADING and is_anchor(block.element))


def is_anchor(heading: Any) -> bool:
    """Returns True if the one link or button in a heading leads to no other page."""
    links = [*heading.iter("a", "button"), *islice(heading.iterancestors("a"), 1)]
    if len(links) != 1:
        return False
    address = links[0].get("href")
    return not address or "#" in address or address.startswith("javascript:")

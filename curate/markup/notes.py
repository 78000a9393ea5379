"""Chooses the notes of a text: blocks to which its signs of notes point, and blocks that are named notes."""

import re
from itertools import compress
from typing import Any

from curate.markup.blocks import HEADING, Block

SIGN = re.compile(r"\s*[\[(]?(?:\d{1,3}|[a-z]|[*†‡§¶]+)[\])]?\s*")  # of a note, as the text of a link
BRACKETED = re.compile(r"\[\d{1,3}\]|[†‡]")  # a sign as the text of a block holds it
NAMED = re.compile(r"(?i)(?<![a-z])(?:foot|end|side|margin)[-_]?notes?(?![a-z])")  # in a class, an id or a role
AROUND = 4  # elements around a block of which one may be the target of a sign
LINKED = 0.5  # of a block's characters: from here on it is a list of links


def add_notes(blocks: list[Block], chosen: list[bool]) -> None:
    """Chooses the notes of the chosen blocks, and the headings above them."""
    targets = targets_of(blocks, chosen)
    if not targets and not any(BRACKETED.search(block.text) for block in compress(blocks, chosen)):
        return
    before: int | None = None
    for place, block in enumerate(blocks):
        if not chosen[place] and block.kind is not HEADING and is_note(block, targets):
            chosen[place] = True
            if before is not None and blocks[before].kind is HEADING and is_heading_of_notes(blocks[before]):
                chosen[before] = True
        before = place


def targets_of(blocks: list[Block], chosen: list[bool]) -> set[str]:
    """Returns the names of the places of the page to which signs of notes in chosen blocks point."""
    targets: set[str] = set()
    for block in compress(blocks, chosen):
        if block.links:
            for link in block.element.iter("a"):
                href = link.get("href") or ""
                if href.startswith("#") and SIGN.fullmatch("".join(link.itertext())):
                    targets.add(href[1:])
    return targets


def is_note(block: Block, targets: set[str]) -> bool:
    """Returns True if a block is a note by its name, or lies in the target of a sign."""
    element = block.element
    if block.links > LINKED * len(block.text):
        return False
    if targets and any(link.get("name") in targets or link.get("id") in targets for link in element.iter("a")):
        return True
    for _ in range(AROUND):
        if element is None:
            return False
        if element.get("id") in targets or is_named(element):
            return True
        element = element.getparent()
    return False


def is_named(element: Any) -> bool:
    """Returns True if an element calls itself a note or notes."""
    return any(NAMED.search(element.get(name) or "") for name in ("class", "id", "role"))


def is_heading_of_notes(block: Block) -> bool:
    """Returns True if a heading or the element around it calls itself a heading of notes."""
    parent = block.element.getparent()
    return is_named(block.element) or (parent is not None and is_named(parent))

"""Tells furniture by tags, roles, classes and ids of elements: menus, notices, cards, pictures."""

import re
from functools import lru_cache
from typing import Any

from curate.markup.code import REMEMBERED
from curate.markup.elements import HIDDEN_STYLE

MENU_TAGS = ("nav", "aside", "footer", "select", "button", "dialog", "menu")
FURNITURE_TAGS = frozenset((*MENU_TAGS, "form", "fieldset"))
PICTURE_TAGS = ("figure", "figcaption")
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
TOPIC = re.compile(r"(?i)share|sharing|social|related|recommend|tags")  # words that also name what a text is about
TAXONOMY = re.compile(r"(?<!\S)(?:tag|category)-(?!(?:list|cloud|links?|items?|wrap\w*|container)(?!\S))\S+")


def looks_like_furniture(element: Any) -> bool:
    """Returns True if an element's tag or attributes are those of menus, notices and the like, or if it is hidden."""
    if element.tag in FURNITURE_TAGS or hides(element):
        return True
    if element.tag in PICTURE_TAGS:
        figure = element if element.tag == "figure" else element.getparent()
        return next(figure.iter(*TEXT_TAGS), None) is None
    for name, value in element.items():
        if name in ("class", "id"):
            if names_furniture(value) and not is_about_topic(element, FURNITURE):
                return True
        elif (name == "role" and value in FURNITURE_ROLES) or (name == "aria-hidden" and value == "true"):
            return True
    return False


def names_furniture(name: str) -> bool:
    """Returns True for the class or the id of furniture; short ones are remembered, as a site has few of them."""
    return _names_furniture(name) if len(name) <= REMEMBERED else _names_furniture.__wrapped__(name)


@lru_cache(maxsize=1 << 14)
def _names_furniture(name: str) -> bool:
    return FURNITURE.search(TAXONOMY.sub("", name)) is not None


def hides(element: Any) -> bool:
    """Returns True if an element's attributes hide it and all in it."""
    style = element.get("style")
    return (style is not None and HIDDEN_STYLE.search(style) is not None) or element.get("hidden") is not None


def is_about_topic(holder: Any, furniture: re.Pattern[str]) -> bool:
    """Returns True if an element named by words such as "share" holds no link: a text about shares may be named so.

    A chart does not count, as its lines are captions.
    """
    values = [TAXONOMY.sub("", name) for name in names(holder, 1)]
    words = [word for value in values for word in furniture.findall(value)]
    if not words or not all(map(TOPIC.match, words)) or any("graphic" in value for value in values):
        return False
    return next(holder.iter("a", "button", "input"), None) is None


def names(element: Any, levels: int) -> list[str]:
    """Returns the classes and ids of an element and of those around it, up to a number of levels."""
    values = []
    while element is not None and levels:
        values += [value for value in (element.get("class"), element.get("id")) if value]
        element, levels = element.getparent(), levels - 1
    return values

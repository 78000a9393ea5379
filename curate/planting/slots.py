"""The names, dates, prices and words that vary in page furniture, and templates that are filled with them."""

import random
import re
from collections.abc import Callable

from curate.records import keyed_hash

Draw = random.Random
Seeded = Callable[[str], Draw]
SLOT = re.compile(r"\{(\w+)\}")

PLACES = str.split(
    "Harbour Mill River Stone Willow Bridge Market Chapel Meadow Castle Orchard Summit Valley Forest Garden Beacon "
    "Falcon Maple Cedar Copper Silver Northern Western Central Coastal Highland Lakeside County Village Union Civic"
)
PAPERS = str.split(
    "Post Herald Gazette Times Journal Observer Review Courier Tribune Chronicle Weekly Monitor Standard Echo Record "
    "Digest Bulletin Report Forum Hub Guide Online Daily Network Magazine Notebook"
)
SECTIONS = str.split(
    "News Sport Business Opinion Culture Travel Science Health Technology Education Politics Weather Jobs Property "
    "Motoring Food Fashion Family Local World Video Photos Podcasts Archive Events Letters Puzzles Obituaries Money "
    "Environment Books Film Music Theatre Gardening Recipes Forums Shop Deals Classifieds Offers"
)
PAGES = (
    *("About us", "Contact", "Privacy policy", "Terms of use", "Cookie settings", "Advertise with us", "Careers"),
    *("Accessibility", "Site map", "Help centre", "Press office", "Complaints", "RSS feeds", "Newsletter archive"),
    *("Imprint", "Community guidelines", "Editorial standards", "Delivery and returns", "Gift cards", "Store finder"),
    *("Your account", "Order tracking", "Affiliates", "Modern slavery statement", "Do not sell my information"),
)
GOODS = str.split(
    "kettle toaster blender iron heater lamp drill sander mixer grill fryer vacuum speaker charger router headset "
    "keyboard monitor printer tripod torch cooler trimmer juicer backpack jacket boots sandals scarf blanket pillow "
    "mattress desk chair shelf cabinet rug curtain mirror clock frame vase pan knife bowl mug bottle tent stove "
    "bicycle helmet scooter racket paddle hammock telescope microscope notebook pencil brush easel"
)
TRAITS = str.split(
    "steel wooden compact folding cordless portable digital ceramic cotton leather woollen waterproof solar electric "
    "classic vintage deluxe junior professional lightweight heavy quiet smart adjustable stackable organic recycled"
)
COLOURS = str.split("black white silver grey navy red green blue beige oak walnut copper ivory teal burgundy")
TOPICS = str.split(
    "council budget library harbour railway school hospital election drought storm harvest festival museum bridge "
    "stadium airport housing energy water forest tourism fishing mining farming wildlife fire traffic parking market "
    "theatre orchestra marathon football cricket cycling chess robotics satellite vaccine archive inquiry"
)
ACTS = str.split(
    "opens closes returns grows stalls doubles divides surprises expands reopens wins loses hopes plans faces backs "
    "rejects delays announces reviews questions celebrates"
)
FIRST_NAMES = str.split(
    "Anna Ben Clara David Elena Frank Grace Henry Irene Jack Karin Liam Maria Noah Olga Peter Quentin Rosa Simon Tara "
    "Umar Vera Walter Xenia Yusuf Zoe"
)
LAST_NAMES = str.split(
    "Abbott Barnes Castillo Dupont Ellis Fischer Grant Hughes Ivanov Jensen Keller Lindqvist Marsh Novak Osborne Price "
    "Quinn Rossi Schmidt Turner Ueda Vance Walsh Young Zimmer"
)
MONTHS = str.split("January February March April May June July August September October November December")
NETWORKS = str.split("Facebook Twitter LinkedIn WhatsApp Pinterest Reddit Telegram Instagram YouTube Mastodon E-mail")
AGES = ("minutes", "hours", "days", "weeks")


def site(draw: Draw) -> str:
    """Returns the name of a site."""
    return f"{'The ' if draw.random() < 0.4 else ''}{draw.choice(PLACES)} {draw.choice(PAPERS)}"


def date(draw: Draw) -> str:
    """Returns a date in one of three spellings."""
    day, month, year = draw.randint(1, 28), draw.randrange(12), draw.randint(2004, 2025)
    spellings = (f"{day} {MONTHS[month]} {year}", f"{MONTHS[month]} {day}, {year}", f"{day:02}.{month + 1:02}.{year}")
    return draw.choice(spellings)


def price(draw: Draw) -> str:
    """Returns a price."""
    return f"{draw.choice('$£€')}{draw.randint(3, 899)}.{draw.choice(('00', '49', '95', '99'))}"


def product(draw: Draw) -> str:
    """Returns the name of a product."""
    return f"{draw.choice(TRAITS).capitalize()} {draw.choice(GOODS)}, {draw.choice(COLOURS)}"


def headline(draw: Draw) -> str:
    """Returns a headline of a few words."""
    subject, other = draw.sample(TOPICS, 2)
    forms = (
        f"{draw.choice(PLACES)} {subject} {draw.choice(ACTS)} as {other} {draw.choice(ACTS)}",
        f"{subject.capitalize()} {draw.choice(ACTS)}: {draw.randint(2, 40)} things to know about {other}",
        f"Why the {subject} {draw.choice(ACTS)} every {draw.choice(MONTHS)}",
        f"{draw.choice(LAST_NAMES)} {draw.choice(ACTS)} {subject} {other}",
        f"In pictures: {subject} and {other} in {draw.choice(PLACES)}",
    )
    return draw.choice(forms)


def name(draw: Draw) -> str:
    """Returns the name of a person."""
    return f"{draw.choice(FIRST_NAMES)} {draw.choice(LAST_NAMES)}"


def some(pool: tuple[str, ...] | list[str], draw: Draw, fewest: int, most: int, between: str) -> str:
    """Returns some words of a pool, joined."""
    return between.join(draw.sample(pool, draw.randint(fewest, min(most, len(pool)))))


SLOTS: dict[str, Callable[[Draw], str]] = {
    "site": site,
    "date": date,
    "price": price,
    "product": product,
    "headline": headline,
    "name": name,
    "n": lambda draw: str(draw.randint(2, 9)),
    "nn": lambda draw: str(draw.randint(10, 99)),
    "nnn": lambda draw: f"{draw.randint(100, 9999):,}",
    "year": lambda draw: str(draw.randint(2004, 2025)),
    "age": lambda draw: f"{draw.randint(2, 28)} {draw.choice(AGES)} ago",
    "section": lambda draw: draw.choice(SECTIONS),
    "topic": lambda draw: draw.choice(TOPICS),
    "place": lambda draw: draw.choice(PLACES),
    "page": lambda draw: draw.choice(PAGES),
    "good": lambda draw: draw.choice(GOODS),
    "colour": lambda draw: draw.choice(COLOURS),
    "network": lambda draw: draw.choice(NETWORKS),
    "sections": lambda draw: some(SECTIONS, draw, 4, 10, draw.choice((" | ", " · ", " > ", "  ", " / "))),
    "pages": lambda draw: some(PAGES, draw, 3, 7, draw.choice((" | ", " · ", "  ", " - "))),
    "networks": lambda draw: some(NETWORKS, draw, 3, 6, draw.choice((" ", " | ", ", "))),
    "tags": lambda draw: some(TOPICS, draw, 3, 7, ", "),
}


def filled(template: str, draw: Draw) -> str:
    """Returns a template with every `{slot}` drawn anew.

    >>> filled("no slots", random.Random(0))
    'no slots'
    """
    return SLOT.sub(lambda match: SLOTS[match[1]](draw), template)


def seeded_by(seed: int, purpose: str) -> Seeded:
    """Returns what makes the generator of a key, whose draws depend on the seed, the purpose and the key alone."""
    return lambda key: random.Random(int.from_bytes(keyed_hash(seed, f"plant {purpose}", key.encode())))

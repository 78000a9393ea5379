"""The hosts of the mini-web and what lies on each: originals, front pages, copies, and all the rest of a crawl."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from curate.miniweb.capture import DELIVERIES, Capture
from curate.miniweb.junk import (
    accounts,
    baskets,
    categories,
    farms,
    files,
    keyword_spam,
    products,
    refusals,
    searches,
    stubs,
    terms,
)
from curate.miniweb.machine import machine_pages, spam_pages
from curate.miniweb.markup import Link, Site
from curate.miniweb.pages import TEMPLATES, front
from curate.miniweb.texts import Text, edited, read_site

SEED = 20260302

REVIEW = Site(
    host="www.saltmarsh-review.example",
    name="The Saltmarsh Review",
    tagline="Long reading about short distances",
    path="/{year}/{month}/{slug}",
)
OLD_REVIEW = replace(
    REVIEW, host="archive.saltmarsh-review.example", scheme="http", template="tables", path="/{slug}.htm"
)
NIGHTBUS = Site(
    host="www.nightbus.example",
    name="Nightbus",
    tagline="Essays for the last service out",
    template="blog",
    path="/{year}/{slug}/",
)
WESERBLATT = Site(
    host="www.weserblatt.example",
    name="Weserblatt",
    tagline="Die Zeitung am Fluss",
    language="de",
    template="newspaper",
    path="/lokales/{slug}.html",
)
CUISINE = Site(
    host="www.cuisine-du-port.example",
    name="Cuisine du port",
    tagline="Recettes et histoires de Port-Haloën",
    language="fr",
    template="blog",
    path="/{year}/{month}/{slug}/",
)
PLAZA = Site(
    host="www.plaza-mayor.example",
    name="Plaza Mayor",
    tagline="Crónicas de barrio",
    language="es",
    path="/cronicas/{slug}",
)
FORUM = Site(
    host="forum.lathe-and-plane.example",
    name="Lathe & Plane",
    tagline="A board for people who make shavings",
    template="forum",
    path="/viewtopic?t={slug}",
)
DOCS = Site(
    host="docs.tinyqueue.example",
    name="tinyqueue",
    tagline="A message queue in one process",
    template="manual",
    path="/en/latest/{slug}.html",
)
KITCHEN = Site(
    host="kitchen.fernhill.example",
    name="Fernhill Kitchen",
    tagline="What we cook on the farm",
    template="recipe",
    path="/{slug}/",
)
SHELF = Site(
    host="www.reading-shelf.example",
    name="The Reading Shelf",
    tagline="Kept for later",
    template="newspaper",
    path="/kept/{slug}",
)
PAGES = Site(
    host="blog.secondhand-pages.example",
    name="Secondhand Pages",
    tagline="Good things found elsewhere",
    template="blog",
    path="/reposts/{slug}/",
)
BENCH = replace(FORUM, host="boards.workbench-mirror.example", name="Workbench Talk", path="/thread/{slug}")
CART = Site(host="www.brightcart.example", name="BrightCart", tagline="Everything for less")
LOOM = Site(host="www.lamp-and-loom.example", name="Lamp & Loom", tagline="Homeware you will love")
CHOICE = Site(host="www.best-choice-guides.example", name="Best Choice Guides", tagline="Honest reviews of everything")
ANSWERS = Site(host="www.easy-answers-now.example", name="Easy Answers Now", tagline="Your problems, solved today")
LINKS = Site(host="www.toplinks-directory.example", name="Top Links", tagline="Free listings", scheme="http")
DEALS = Site(
    host="www.cheap-deals-online.example", name="Cheap Deals Online", tagline="Cheap deals online", scheme="http"
)
GRID = Site(host="status.gridmonitor.example", name="GridMonitor", tagline="Everything, every minute")
BOARDS = Site(host="members.valleyboards.example", name="Valley Boards", tagline="Members only")
HOMES = Site(host="pages.free-homes.example", name="Free Homes", tagline="A page for everyone", scheme="http")

# How the nth text of a folder is served; a longer folder starts again from the first.
SERVED: dict[str, tuple[tuple[Site, str], ...]] = {
    "saltmarsh-review": (
        (REVIEW, "plain"),
        (REVIEW, "gzip"),
        (OLD_REVIEW, "windows-1252 by header"),
        (REVIEW, "chunked"),
        (REVIEW, "utf-16 with a mark"),
        (OLD_REVIEW, "tag soup"),
        (REVIEW, "plain"),
        (REVIEW, "utf-8 with a mark"),
    ),
    "nightbus": tuple(
        (NIGHTBUS, form) for form in ("plain", "windows-1252 untold", "gzip in chunks", "unclosed tags", "truncated")
    ),
    "weserblatt": tuple(
        (WESERBLATT, form)
        for form in ("iso-8859-1 by header", "plain", "iso-8859-15 by meta", "gzip", "windows-1252 as iso-8859-1")
    ),
    "cuisine-du-port": tuple(
        (CUISINE, form)
        for form in ("plain", "iso-8859-15 by meta", "utf-8 with a mark", "windows-1252 untold", "unclosed tags")
    ),
    "plaza-mayor": tuple(
        (PLAZA, form) for form in ("windows-1252 by header", "plain", "iso-8859-1 by meta", "no head")
    ),
    "lathe-and-plane": tuple(
        (FORUM, form) for form in ("plain", "misnested tags", "gzip", "windows-1252 by meta", "plain", "unclosed tags")
    ),
    "tinyqueue": tuple((DOCS, form) for form in ("plain", "gzip", "no head", "chunked", "text/plain", "xhtml")),
    "fernhill-kitchen": tuple(
        (KITCHEN, form)
        for form in ("plain", "windows-1252 as iso-8859-1", "chunked", "truncated", "utf-16-be with a mark", "plain")
    ),
}
ARTICLES = ("saltmarsh-review", "nightbus", "weserblatt", "cuisine-du-port", "plaza-mayor")
WEB = ("lathe-and-plane", "tinyqueue", "fernhill-kitchen")


@dataclass(frozen=True, slots=True)
class Original:
    """A text and where it is served first."""

    text: Text
    site: Site
    form: str

    @property
    def url(self) -> str:
        """The original's address."""
        return self.site.address(self.text)


def originals(folder: str) -> list[Original]:
    """The texts of a folder with their sites."""
    served = SERVED[folder]
    return [Original(text, *served[number % len(served)]) for number, text in enumerate(read_site(folder))]


def neighbours(listed: list[Original], url: str) -> list[Link]:
    """Links from one page to others of its folder."""
    links = [Link(original.url, original.text.title, " ".join(original.text.prose.split()[:40])) for original in listed]
    return [link for link in links if link.url != url]


def shared(listed: list[Original]) -> list[Original]:
    """The threads that have a copy in their own source, where nothing says which is the original."""
    return [original for original in listed if original.site == FORUM][::4]


def original_pages(folder: str) -> Iterator[Capture]:
    """Every text of a folder, and the front page that lists them."""
    listed = originals(folder)
    for original in listed:
        template = "plain" if DELIVERIES[original.form].mime == "text/plain" else original.site.template
        english = original.text.language == "en"
        yield Capture(
            url=original.url,
            markup=TEMPLATES[template](original.site, original.text, neighbours(listed, original.url)[:5]),
            expect="either" if original in shared(listed) else "keep" if english else "reject",
            stage=None if english else "extract",
            why=f"original: {original.form}" if english else f"language:{original.text.language}",
            prose=original.text.slug,
            delivery=original.form,
            trains="positive" if english else "",
            text=original.text.prose,
        )
    site = listed[0].site
    yield Capture(
        url=f"{site.scheme}://{site.host}/",
        markup=front(site, neighbours(listed, "")),
        expect="either" if site.language == "en" else "reject",
        stage=None if site.language == "en" else "extract",
        why="front page" if site.language == "en" else f"language:{site.language}",
    )


def copies(site: Site, chosen: list[Original], *, rng: random.Random | None = None) -> Iterator[Capture]:
    """Copies of originals on another host: to the letter, or lightly edited where there is an rng."""
    links = [Link(site.address(original.text), original.text.title) for original in chosen]
    for original in chosen:
        text = edited(original.text, rng) if rng else original.text
        yield Capture(
            url=site.address(text),
            markup=TEMPLATES[site.template](site, text, links[:4]),
            expect="reject",
            stage="dedup",
            why=f"{'near' if rng else 'exact'} duplicate of {original.url}",
            prose=text.slug,
        )


def mirrors(rng: random.Random) -> Iterator[Capture]:
    """The three hosts that live on others' prose."""
    review, nightbus = originals("saltmarsh-review"), originals("nightbus")
    yield from copies(SHELF, [*review[0:8:3], *nightbus[0:4:2]])
    yield from copies(PAGES, [*review[1::2], *review[2::4], *nightbus[1::2], *nightbus[4::5]], rng=rng)
    for copy in copies(BENCH, shared(originals("lathe-and-plane")), rng=rng):
        yield replace(copy, expect="either", stage=None)


def articles() -> list[Capture]:
    """The pages of the curated hosts."""
    return [page for folder in ARTICLES for page in original_pages(folder)]


def seeded(purpose: str) -> random.Random:
    """A generator for one purpose, so that one part of the mini-web may change without the others."""
    return random.Random(f"{SEED} {purpose}")


def web() -> list[Capture]:
    """The pages of all other hosts."""
    pages = [page for folder in WEB for page in original_pages(folder)]
    pages += mirrors(seeded("mirrors"))
    pages += products(CART, seeded("products"), 10)
    pages += categories(CART, seeded("categories"), 4)
    pages += categories(LOOM, seeded("more categories"), 2)
    pages += baskets(CART, seeded("baskets"), 3)
    pages += [*terms(CART), *terms(LOOM)]
    for site in (CART, LOOM, BOARDS):
        pages += accounts(site, seeded(f"accounts of {site.name}"))
    pages += searches(BOARDS, seeded("searches"), 4)
    pages += searches(CART, seeded("more searches"), 2)
    pages += spam_pages(CHOICE, "guide", "seo", seeded("guides"))
    pages += spam_pages(LOOM, "pitch", "shop", seeded("pitches"))
    pages += spam_pages(ANSWERS, "service", "spam", seeded("services"))
    pages += farms(LINKS, seeded("farms"), 8)
    pages += keyword_spam(DEALS, seeded("keywords"), 8)
    pages += machine_pages(GRID, seeded("machines"), 3)
    pages += stubs(HOMES)
    pages += refusals([KITCHEN, CART, BOARDS, SHELF])
    pages += files(HOMES)
    return pages

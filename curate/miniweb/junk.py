"""Junk that simple rules reject: shops, accounts, searches, link farms, keyword lists, stubs, and failed requests."""

import random
from collections.abc import Iterator
from dataclasses import replace

from curate.miniweb.capture import Capture, gzip_member
from curate.miniweb.markup import Site, cookies, document, footer, head, menu, newsletter, searching, share
from curate.miniweb.texts import table_rows

GOODS = str.split(
    "Kettle Toaster Blender Iron Heater Fan Lamp Drill Sander Mixer Scale Grill Fryer Steamer Vacuum Speaker Charger "
    "Router Headset Keyboard Monitor Printer Tripod Torch Cooler Shaver Trimmer Juicer Purifier Thermostat"
)
LINES = str.split("Nova Prime Ultra Eco Max Lite Plus Pro Smart Turbo Flex Zen Aero Volt Core")
SPECS = (
    ("Power", "W", 40, 2400),
    ("Weight", "kg", 1, 19),
    ("Height", "cm", 8, 90),
    ("Width", "cm", 8, 60),
    ("Depth", "cm", 5, 45),
    ("Cable", "cm", 60, 300),
    ("Noise", "dB", 28, 81),
    ("Capacity", "ml", 250, 5000),
)
TOPICS = str.split(
    "loans mattress insurance hotels flights vitamins poker roofing dating lawyers ringtones watches handbags "
    "mortgage software casino slimming botox forex hosting tyres plumbing curtains sunglasses sneakers perfume "
    "webcams tattoos kennels scooters"
)
CLAIMS = str.split(
    "cheap best buy discount online free top sale cheapest quality deals prices reviews 2026 nearby fast offers bargain"
)
CODES = "abcdefghjkmnpqrstuvwxyz"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)


def page(site: Site, path: str, title: str, content: str, *, why: str, stage: str = "filter") -> Capture:
    """A page to be rejected, which may serve as a bad example: a commercial site's furniture around the content."""
    url = f"{site.scheme}://{site.host}{path}"
    whole = f"""{cookies(site)}
<header class="top"><a class="brand" href="/">{site.name}</a>{searching(site)}{menu(site)}</header>
<main id="main">
{content}
</main>
{footer(site)}"""
    markup = document(site, head(site, title, url), whole)
    return Capture(url=url, markup=markup, expect="reject", stage=stage, why=why, trains="negative")


def code(rng: random.Random) -> str:
    """A model number."""
    return f"{rng.choice(CODES)}{rng.choice(CODES)}-{rng.randint(100, 999)}".upper()


def price(rng: random.Random) -> str:
    """A price that ends as prices do."""
    return f"&pound;{rng.randint(4, 399)}.{rng.choice(('00', '49', '95', '99'))}"


def card(rng: random.Random) -> str:
    """One cell of a shop's grid."""
    name = f"{rng.choice(LINES)} {rng.choice(GOODS)} {code(rng)}"
    return (
        f'<div class="product-card"><a href="/p/{rng.randint(10000, 99999)}">'
        f'<img src="/i/{rng.randint(1, 9999)}.jpg" alt=""></a>'
        f'<h3>{name}</h3><p class="price">{price(rng)} <s>{price(rng)}</s></p>'
        f'<p class="stars">{rng.randint(3, 5)}.{rng.randint(0, 9)} ({rng.randint(2, 900)})</p>'
        f"<button>Add to basket</button></div>"
    )


def products(site: Site, rng: random.Random, count: int) -> Iterator[Capture]:
    """Product pages that are a name, a price and a table of measures."""
    for _ in range(count):
        model = code(rng)
        name = f"{rng.choice(LINES)} {rng.choice(GOODS)} {model}"
        rows = "".join(
            f"<tr><th>{label}</th><td>{rng.randint(low, high)} {unit}</td></tr>"
            for label, unit, low, high in rng.sample(SPECS, 6)
        )
        content = f"""<div class="product"><h1>{name}</h1><p class="price">{price(rng)}</p>
<p class="stock">In stock: {rng.randint(2, 80)}</p>
<form action="/basket"><select name="n"><option>1<option>2<option>3</select><button>Add to basket</button></form>
<h2>Specification</h2><table class="specs">{rows}</table></div>
<section class="also"><h2>Customers also bought</h2>{"".join(card(rng) for _ in range(4))}</section>"""
        yield page(site, f"/p/{model.lower()}", name, content, why="shop product")


def categories(site: Site, rng: random.Random, count: int) -> Iterator[Capture]:
    """Grids of products."""
    for good in rng.sample(GOODS, count):
        cards = "\n".join(card(rng) for _ in range(24))
        filters = "".join(
            f"<li><label><input type=checkbox> {line} ({rng.randint(1, 60)})</label></li>" for line in LINES
        )
        content = f"<h1>{good}s</h1><aside><ul>{filters}</ul></aside><div class=grid>\n{cards}\n</div><p>1 2 3 4 5</p>"
        path = f"/c/{good.lower()}s?sort=price"
        yield page(site, path, f"{good}s", content, why="shop category")


def baskets(site: Site, rng: random.Random, count: int) -> Iterator[Capture]:
    """Baskets with a few rows, and one with none."""
    for number in range(count):
        rows = "".join(
            f"<tr><td>{rng.choice(LINES)} {rng.choice(GOODS)}<td>{rng.randint(1, 4)}<td>{price(rng)}</tr>"
            for _ in range(3 * number)
        )
        summary = f"<table>{rows}</table><p>Subtotal {price(rng)}</p>" if rows else "<p>Your basket is empty.</p>"
        content = f'<h1>Basket</h1>{summary}<p><a class="button" href="/checkout">Checkout</a></p>'
        yield page(site, f"/basket?session={code(rng).lower()}", "Basket", content, why="cart")


LOGIN = (
    '<label>User name <input name="user"></label><label>Password <input type="password"></label><button>Log in</button>'
)
REGISTER = "".join(
    f'<p><label>{label} <input name="f{number}"></label></p>'
    for number, label in enumerate(
        ("First name", "Surname", "E-mail address", "Date of birth", "Password", "Repeat password")
    )
)


def accounts(site: Site, rng: random.Random) -> Iterator[Capture]:
    """Log-in, registration and lost-password pages."""
    back = f"/members/{rng.randint(100, 999)}"
    welcome = f"<h1>Log in to {site.name}</h1><form method=post>{LOGIN}</form>"
    content = (
        f"{welcome}<p><a href=/register>Create an account</a> <a href=/lost-password>Forgotten your password?</a></p>"
    )
    yield page(site, f"/login?next={back}", "Log in", content, why="login")
    content = (
        f"<h1>Create your account</h1><form method=post>{REGISTER}<button>Register</button></form><p>A member?</p>"
    )
    yield page(site, "/register", "Register", content, why="register")
    content = (
        "<h1>Lost password</h1><p>Enter your e-mail address and we will send a link.</p><input><button>Send</button>"
    )
    yield page(site, "/lost-password", "Lost password", content, why="login")


def searches(site: Site, rng: random.Random, count: int) -> Iterator[Capture]:
    """Pages of search results, some without any."""
    for number in range(count):
        query = f"{rng.choice(CLAIMS)} {rng.choice(TOPICS)}"
        hits = "".join(
            f'<li><a href="/t/{rng.randint(1, 9999)}">{rng.choice(GOODS)} {rng.choice(TOPICS)} {code(rng)}</a> '
            f"<small>{rng.randint(1, 28)} Jan 20{rng.randint(10, 24)}, {rng.randint(0, 99)} replies</small></li>"
            for _ in range(15 * number)
        )
        results = f"<p>{15 * number} results</p><ol>{hits}</ol>" if hits else "<p>No results were found.</p>"
        content = f"<h1>Search: {query}</h1>{results}"
        path = f"/search?q={query.replace(' ', '+')}&page={number + 1}"
        yield page(site, path, "Search", content, why="search results")


def farms(site: Site, rng: random.Random, count: int) -> Iterator[Capture]:
    """Link farms: hundreds of anchors and nothing to read."""
    for number in range(count):
        links = "\n".join(
            f'<a href="http://{rng.choice(CLAIMS)}-{rng.choice(TOPICS)}-{rng.randint(1, 999)}.example/">'
            f"{rng.choice(CLAIMS)} {rng.choice(TOPICS)} {rng.choice(CLAIMS)}</a>{rng.choice((' | ', '<br>', ', '))}"
            for _ in range(160)
        )
        content = f"<h1>Partner links, page {number + 1}</h1>\n<div>{links}</div>"
        yield page(site, f"/partners/{number + 1}.html", "Links", content, why="link farm")


def keyword_spam(site: Site, rng: random.Random, count: int) -> Iterator[Capture]:
    """Paragraphs of search words, which no reader was meant to see."""
    for topic in rng.sample(TOPICS, count):
        paragraphs = "\n".join(
            "<p>"
            + ", ".join(
                f"{rng.choice(CLAIMS)} {topic} {rng.choice(CLAIMS)} {rng.choice(GOODS).lower()}" for _ in range(18)
            )
            for _ in range(6)
        )
        content = f"<h1>{topic} {rng.choice(CLAIMS)} {topic}</h1>\n{paragraphs}\n{share(site, '/')}{newsletter(site)}"
        yield page(site, f"/{topic}-{rng.choice(CLAIMS)}/", topic, content, why="keyword spam")


STUBS = (
    ("/", "It works", "<h1>It works!</h1><p>This is the default page of this server.</p>"),
    (
        "/shop/",
        "Coming soon",
        "<h1>Coming soon</h1><p>We are building something. Leave your address and be the first to know.</p>",
    ),
    ("/app/", "Loading", '<div id="root"></div><noscript>You need to enable JavaScript to run this app.</noscript>'),
    (
        "/hello-world/",
        "Hello world",
        "<h1>Hello world!</h1><p>Welcome. This is your first post. Edit or delete it.</p>",
    ),
    ("/gallery/41", "Image 41", '<img src="/i/41.jpg" alt="Image 41"><p>Image 41 of 230</p>'),
    ("/old-page", "Not here", "<h1>Sorry</h1><p>We could not find the page that you were looking for.</p>"),
    ("/parked", "For sale", "<h1>This domain is for sale</h1><p>Make an offer today.</p>"),
)


def stubs(site: Site) -> Iterator[Capture]:
    """Pages with a sentence or two."""
    for path, title, content in STUBS:
        yield replace(page(site, path, title, content, why="stub"), trains="")


TERMS = """
These terms apply to every order that you place with {name} and to your use of this site. By placing an order you
    accept them in full, and you confirm that you are at least eighteen years of age.
Prices are shown in pounds sterling and include tax where it is due. We may change a price at any time, but a change
    will not affect an order that has already been accepted by us in writing.
Title to the goods passes to you when they have been paid for and delivered. Risk in the goods passes on delivery,
    and from then on they are to be insured by you.
You have the right to cancel within fourteen days of delivery without giving a reason. The goods must be returned
    unused and in their original packing, and the cost of the return will be borne by you.
Nothing in these terms limits the liability of {name} for death or personal injury caused by negligence. In all
    other cases our liability is limited to the price that was paid.
"""


def terms(site: Site) -> Iterator[Capture]:
    """Conditions of sale: well-formed sentences, alike in every shop; a filter may keep or reject them."""
    paragraphs = "\n".join(
        f"<p>{number}. {line.format(name=site.name)}</p>" for number, line in enumerate(table_rows(TERMS), start=1)
    )
    capture = page(
        site, "/legal/1/", "Terms and conditions", f"<h1>Terms and conditions</h1>\n{paragraphs}", why="terms"
    )
    yield replace(capture, expect="either", stage=None, trains="")


def refusals(sites: list[Site]) -> Iterator[Capture]:
    """Responses with another status than 200: errors in the site's own clothes, and redirects without any."""
    statuses = (404, 301, 500, 410, 302, 403, 503, 404)
    for number, status in enumerate(statuses):
        site = sites[number % len(sites)]
        title = "Moved" if status in (301, 302) else f"Error {status}"
        content = f"<h1>{title}</h1><p>The address that you asked for cannot be shown.</p>"
        where = f"https://{site.host}/" if status in (301, 302) else ""
        path = f"/gone/{status}-{number}.html"
        capture = page(site, path, title, content, why=f"status {status}", stage="extract")
        yield replace(capture, status=status, location=where, trains="")


def files(site: Site) -> Iterator[Capture]:
    """Responses that are no pages: an image, data, a style sheet, a document to print, an archive."""
    payloads = (
        ("/img/pixel.png", "image/png", PIXEL),
        (
            "/api/v1/posts",
            "application/json",
            b'{"posts":[{"id":1,"title":"One"},{"id":2,"title":"Two"}],"next":null}\n',
        ),
        ("/assets/css/main.min.css", "text/css; charset=utf-8", b"body{margin:0}.menu li{display:inline}\n"),
        (
            "/print/guide",
            "application/pdf",
            b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
        ),
        ("/backup/2025", "application/gzip", gzip_member(b"nothing to see\n")),
    )
    robots = b"User-agent: *\nDisallow: /basket\nDisallow: /login\nCrawl-delay: 5\n"
    url = f"{site.scheme}://{site.host}/robots.txt"
    yield Capture(url=url, markup="", expect="reject", stage="filter", why="robots.txt", raw=robots, mime="text/plain")
    for path, mime, raw in payloads:
        url = f"{site.scheme}://{site.host}{path}"
        why = f"mime {mime.partition(';')[0]}"
        yield Capture(url=url, markup="", expect="reject", stage="extract", why=why, raw=raw, mime=mime)

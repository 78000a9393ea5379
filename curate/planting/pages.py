"""Pages that are furniture alone, as an extractor returns them: notices, menus, forms, listings, carts, errors."""

from collections.abc import Callable

from curate.planting import furniture
from curate.planting.slots import PAGES, SECTIONS, Draw, filled, site

CONSENT = (
    "We and our {nnn} partners store and access information on your device, such as cookies and identifiers.",
    "We use cookies to personalise content and advertisements, to offer social media features and to analyse traffic.",
    "You can change your choice at any time under Cookie settings at the foot of every page.",
    "Strictly necessary cookies are always active, as the site of {site} does not work without them.",
    "Performance cookies count visits, so that {site} can see which pages are the most and the least popular.",
    "Functional cookies remember your language, your region and the size of the text.",
    "Targeting cookies are set by our advertising partners and build a profile of your interests.",
    "Some partners do not ask for your consent and rely on their legitimate interest.",
    "Data is kept for {nn} months. See the privacy policy of {site} for the list of partners.",
    "By clicking Accept all you agree to the storing of cookies on your device.",
)
BUTTONS = ("Accept all", "Reject all", "Manage preferences", "Save and close", "Confirm my choices", "Show vendors")
FORM = (
    "E-mail address",
    "User name",
    "Password",
    "Remember me on this device",
    "Forgotten your password?",
    "Log in",
    "Create an account",
    "Continue with Google",
    "Continue with Apple",
    "Continue with Facebook",
    "You must be logged in to see this page.",
    "New to {site}? Register in less than a minute.",
    "First name",
    "Surname",
    "Date of birth",
    "I accept the terms of use and the privacy policy",
    "Send me news and offers of {site} by e-mail",
    "Protected by a captcha. Privacy - Terms",
)
FAULTS = (
    "404 - Page not found",
    "Error 404",
    "403 Forbidden",
    "500 Internal Server Error",
    "Sorry, something went wrong.",
    "This page is no longer available.",
    "Access denied",
    "Service temporarily unavailable",
)
EXCUSES = (
    "The page you are looking for may have been moved, deleted or renamed.",
    "Check the address for typing errors, or use the search box below.",
    "If you followed a link from another site, please let them know.",
    "Our team has been notified. Please try again in {n} minutes.",
    "Go back to the home page of {site}",
    "Your request was blocked. Reference number {nnn}-{nnn}",
    "Here are some pages that others have visited:",
    "You do not have permission to access this resource on this server.",
    "Please enable JavaScript and cookies to continue.",
)
CART = (
    "Subtotal ({n} items): {price}",
    "Delivery: {price}",
    "Estimated tax: {price}",
    "Total: {price}",
    "Proceed to checkout",
    "Continue shopping",
    "Enter a discount code  Apply",
    "Save for later  Remove",
    "Free delivery on orders over {price}",
    "Your basket expires in {nn} minutes",
    "Secure payment by card or bank transfer",
)


def cookies(draw: Draw) -> list[str]:
    """Returns a consent dialogue."""
    sentences = _some(CONSENT, draw, 3, len(CONSENT))
    vendors = [
        f"{site(draw)} Ltd  Privacy policy  Expires in {draw.randint(1, 24)} months" for _ in _times(draw, 0, 15)
    ]
    return [draw.choice(("Cookie policy", "Your privacy", "We value your privacy")), *sentences, *vendors, *BUTTONS[:3]]


def menu(draw: Draw) -> list[str]:
    """Returns the menus of a site."""
    lines = [filled("{site}", draw), *furniture.header(draw)]
    for section in draw.sample(SECTIONS, draw.randint(5, 25)):
        lines += [section, filled("{sections}", draw)] if draw.random() < 0.5 else [section]
    return [*lines, *draw.sample(PAGES, draw.randint(4, 15)), filled("© {year} {site}", draw)]


def login(draw: Draw) -> list[str]:
    """Returns a form to log in or to register."""
    title = filled(draw.choice(("Log in to {site}", "Sign in", "Create your account", "Members only")), draw)
    return [title, *_some(FORM, draw, 6, 15), *furniture.footer(draw)]


def listing(draw: Draw) -> list[str]:
    """Returns the products of a shop, or the results of a search."""
    count = draw.randint(8, 40)
    lines = [filled(draw.choice(("{nnn} results for {good}", "{good}s - page {n} of {nn}", "Sale: {good}s")), draw)]
    lines += ["Sort by: relevance  price  newest", "Filter  Brand  Colour  Price  Rating"]
    for _ in range(count):
        lines.append(filled("{product}", draw))
        lines.append(filled(draw.choice(("{price}  {n} reviews", "Was {price} now {price}", "From {price}")), draw))
        if draw.random() < 0.6:
            lines.append(draw.choice(("Add to basket", "Quick view", "Compare", "Out of stock")))
    return [*lines, "Previous 1 2 3 4 5 Next", *furniture.footer(draw)]


def cart(draw: Draw) -> list[str]:
    """Returns a basket."""
    lines = [draw.choice(("Your basket", "Shopping cart", "Your bag"))]
    for _ in _times(draw, 1, 12):
        lines += [filled("{product}", draw), filled("Quantity: {n}  {price}  Remove", draw)]
    return [*lines, *_some(CART, draw, 4, len(CART)), filled("Customers also bought: {product}, {product}", draw)]


def error(draw: Draw) -> list[str]:
    """Returns the page of a failed request."""
    teasers = [filled("{headline}", draw) for _ in _times(draw, 0, 10)]
    return [draw.choice(FAULTS), *_some(EXCUSES, draw, 2, 6), *teasers, *furniture.footer(draw)]


def index(draw: Draw) -> list[str]:
    """Returns a page of headlines and teasers."""
    lines = [filled("{site} - {section}", draw), *furniture.header(draw)]
    for _ in _times(draw, 10, 45):
        lines.append(filled(draw.choice(("{headline}", "{section}: {headline}", "{headline}  {age}")), draw))
        if draw.random() < 0.3:
            lines.append(filled(draw.choice(("By {name}, {date}", "{nn} comments", "Read more", "{date}")), draw))
    return [*lines, *furniture.footer(draw)]


def _some(templates: tuple[str, ...], draw: Draw, fewest: int, most: int) -> list[str]:
    chosen = sorted(draw.sample(range(len(templates)), draw.randint(fewest, min(most, len(templates)))))
    return [filled(templates[at], draw) for at in chosen]


def _times(draw: Draw, fewest: int, most: int) -> range:
    return range(draw.randint(fewest, most))


MAKERS: dict[str, Callable[[Draw], list[str]]] = {
    "cookies": cookies,
    "menu": menu,
    "login": login,
    "listing": listing,
    "cart": cart,
    "error": error,
    "index": index,
}


def page(kind: str, draw: Draw) -> str:
    """Returns a page of one of the kinds of MAKERS."""
    return "\n".join(MAKERS[kind](draw))

"""Page furniture of the mini-web: what surrounds prose on real sites, from the head's metadata to the last script."""

import html
import json
import re
from dataclasses import dataclass

from curate.miniweb.texts import Block, Text
from curate.miniweb.words import WORDS

COMMENTS = (
    ("Marla", "Read this on the train and missed my stop. No regrets whatever, apart from the walk back."),
    ("T. Ferris", "My father told me almost the same story, except that in his version it was raining."),
    ("nightowl52", "First!"),
    ("Ann-Sophie", "Thank you for putting into words what I have never managed to explain to my brothers."),
    ("Gil", "Small correction: the road closed in spring, not in autumn. Otherwise just as I remember it."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site of the mini-web; `path` is the address of a text below the host, with {slug}, {year} and {month}."""

    host: str
    name: str
    language: str = "en"
    tagline: str = ""
    template: str = "review"
    path: str = "/{slug}.html"
    scheme: str = "https"

    def address(self, text: Text) -> str:
        """The URL of a text on this site."""
        path = self.path.format(slug=text.slug, year=text.date.year, month=f"{text.date.month:02}")
        return f"{self.scheme}://{self.host}{path}"


@dataclass(frozen=True, slots=True)
class Link:
    """A text as other pages of its site point to it."""

    url: str
    title: str
    teaser: str = ""


def escaped(line: str) -> str:
    """The line as HTML, `code` between backticks marked as such."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(line, quote=False))


def items(lines: tuple[str, ...], tag: str) -> str:
    """A list, or any run of equal elements."""
    return "\n".join(f"<{tag}>{escaped(line)}</{tag}>" for line in lines)


def body(blocks: tuple[Block, ...]) -> str:
    """The blocks of a text as HTML, one element each."""
    return "\n".join(element(block) for block in blocks)


def element(block: Block) -> str:
    """One block as HTML."""
    match block.kind:
        case "heading":
            return items(block.lines, "h2")
        case "bullets":
            return f"<ul>\n{items(block.lines, 'li')}\n</ul>"
        case "steps":
            return f"<ol>\n{items(block.lines, 'li')}\n</ol>"
        case "code":
            return f"<pre><code>{html.escape(chr(10).join(block.lines), quote=False)}</code></pre>"
        case _:
            return items(block.lines, "p")


def head(site: Site, title: str, url: str, *, description: str = "", extra: str = "") -> str:
    """The head of a page: metadata, styles, a queue for statistics."""
    title, about = html.escape(title), html.escape(description or site.tagline)
    return f"""<head>
<meta charset="utf-8">
<title>{title} | {html.escape(site.name)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="{about}">
<link rel="canonical" href="{url}">
<meta property="og:site_name" content="{html.escape(site.name)}">
<meta property="og:title" content="{title}">
<meta property="og:description" content="{about}">
<meta property="og:url" content="{url}">
<link rel="stylesheet" href="/assets/css/main.min.css?v=3.1">
<link rel="icon" href="/favicon.ico">
<style>body{{margin:0;font:17px/1.6 Georgia,serif}}
.cookie-banner{{position:fixed;bottom:0}}.sr-only{{left:-9999px}}</style>
<script>window.dataLayer=window.dataLayer||[];
function track(){{dataLayer.push(arguments)}}track('view','{site.host}');</script>
{extra}
</head>"""


def json_ld(site: Site, text: Text, url: str) -> str:
    """schema.org's description of a text."""
    kind = {"recipe": "Recipe", "forum": "DiscussionForumPosting", "docs": "TechArticle"}.get(text.kind, "Article")
    record = {
        "@context": "https://schema.org",
        "@type": kind,
        "headline": text.title,
        "author": {"@type": "Person", "name": text.author},
        "datePublished": text.date.isoformat(),
        "inLanguage": text.language,
        "mainEntityOfPage": url,
        "publisher": {"@type": "Organization", "name": site.name},
    }
    script = json.dumps(record, ensure_ascii=False)
    return (
        f'<meta property="og:type" content="article">\n<meta name="author" content="{html.escape(text.author)}">\n'
        f'<meta property="article:published_time" content="{text.date.isoformat()}T07:00:00Z">\n'
        f'<script type="application/ld+json">{script}</script>'
    )


def menu(site: Site, *, kind: str = "main-nav") -> str:
    """The site's navigation."""
    names = WORDS[site.language].menu
    links = "".join(f'<li><a href="/{"" if n == 0 else f"s{n}/"}">{name}</a></li>' for n, name in enumerate(names))
    return f'<nav class="{kind}" role="navigation"><ul class="menu">{links}</ul></nav>'


def cookies(site: Site) -> str:
    """The cookie banner."""
    words = WORDS[site.language]
    return (
        f'<div id="cookie-banner" class="cookie-banner" role="dialog"><p>{words.cookies}</p>'
        f'<button class="btn">{words.accept}</button> <button class="btn">{words.settings}</button></div>'
    )


def breadcrumb(site: Site, title: str) -> str:
    """Returns the way from the front page to this one."""
    menu_words = WORDS[site.language].menu
    return (
        f'<nav class="breadcrumb" aria-label="breadcrumb"><a href="/">{menu_words[0]}</a> &rsaquo; '
        f'<a href="/s2/">{menu_words[2]}</a> &rsaquo; <span>{html.escape(title, quote=False)}</span></nav>'
    )


def related(site: Site, links: list[Link]) -> str:
    """Links to other texts of the site."""
    rows = "".join(f'<li><a href="{link.url}">{html.escape(link.title, quote=False)}</a></li>' for link in links)
    return f'<div class="related widget"><h3>{WORDS[site.language].related}</h3><ul>{rows}</ul></div>'


def share(site: Site, url: str) -> str:
    """Buttons for passing the page on."""
    places = ("Facebook", "Mastodon", "WhatsApp", "E-Mail")
    links = " ".join(
        f'<a class="share-btn" rel="nofollow" href="/share?to={p.lower()}&amp;u={url}">{p}</a>' for p in places
    )
    return f'<div class="share-buttons social"><span>{WORDS[site.language].share}:</span> {links}</div>'


def newsletter(site: Site) -> str:
    """The box that asks for an address."""
    words = WORDS[site.language]
    return (
        f'<div class="newsletter-box widget"><h3>{words.newsletter}</h3><form action="/newsletter" method="post">'
        f'<p>{words.pitch}</p><input type="email" name="email" placeholder="name@mail.example">'
        f'<button type="submit">{words.subscribe}</button></form></div>'
    )


def comments(text: Text) -> str:
    """Returns the comments of readers below a text; the same text always draws the same two."""
    first = len(text.prose) % len(COMMENTS)
    rows = "\n".join(
        f'<li class="comment"><cite class="fn">{name}</cite> <time>{text.date}</time>'
        f'<div class="comment-content"><p>{said}</p></div></li>'
        for name, said in (COMMENTS[first], COMMENTS[(first + 1) % len(COMMENTS)])
    )
    return f'<div id="comments" class="comments-area"><h2>2</h2><ol class="comment-list">{rows}</ol></div>'


def comment_form(site: Site) -> str:
    """The form below a text."""
    words = WORDS[site.language]
    return (
        f'<div id="respond" class="comment-respond"><h3>{words.comments}</h3><form id="commentform" method="post">'
        f'<textarea name="comment" rows="6"></textarea><input name="author"><input name="email" type="email">'
        f'<input type="submit" value="{words.send}"></form></div>'
    )


def footer(site: Site) -> str:
    """The last lines of a page and its scripts."""
    words = WORDS[site.language]
    links = " | ".join(f'<a href="/legal/{n}/">{name}</a>' for n, name in enumerate(words.legal))
    return f"""<footer class="site-footer" role="contentinfo"><p>{links}</p>
<p class="copyright">&copy; {html.escape(site.name)}. {words.rights}</p></footer>
<script src="/assets/js/bundle.min.js" defer></script>
<script>(function(d){{var b=d.getElementById('cookie-banner');
if(b&&/consent=1/.test(d.cookie)){{b.hidden=true}}}})(document);</script>"""


def searching(site: Site) -> str:
    """The search box of the site's header."""
    word = WORDS[site.language].search
    return (
        f'<form class="search" role="search" action="/search"><label class="sr-only" for="q">{word}</label>'
        f'<input id="q" name="q" placeholder="{word}"><button>{word}</button></form>'
    )


def document(site: Site, header: str, content: str, *, kind: str = "page") -> str:
    """A whole page from its head and what its body holds."""
    start = f'<!DOCTYPE html>\n<html lang="{site.language}">\n{header}\n<body class="{kind}">'
    return f"{start}\n{content}\n</body>\n</html>\n"

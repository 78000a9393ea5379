"""The templates of the mini-web's prose sites: magazine, blog, newspaper, forum, manual, recipe, and older ones."""

import html
from collections.abc import Callable
from itertools import pairwise

from curate.miniweb.markup import (
    Link,
    Site,
    body,
    breadcrumb,
    comment_form,
    comments,
    cookies,
    document,
    escaped,
    footer,
    head,
    json_ld,
    menu,
    newsletter,
    related,
    searching,
    share,
)
from curate.miniweb.texts import Block, Text
from curate.miniweb.words import WORDS


def heading(text: Text) -> str:
    """The title of a text, as HTML."""
    return html.escape(text.title, quote=False)


def described(site: Site, text: Text, url: str) -> str:
    """The head of a text's page."""
    teaser = text.blocks[0].lines[0] if text.blocks[0].kind == "paragraph" else site.tagline
    return head(site, text.title, url, description=teaser[:150], extra=json_ld(site, text, url))


def review(site: Site, text: Text, links: list[Link]) -> str:
    """A magazine in HTML5: header, main with article and aside, footer."""
    url, words = site.address(text), WORDS[site.language]
    content = f"""<a class="skip-link sr-only" href="#content">Skip to content</a>
{cookies(site)}
<header class="site-header"><a class="logo" href="/">{site.name}</a>{menu(site)}{searching(site)}</header>
<main id="content">
{breadcrumb(site, text.title)}
<article class="article">
<header class="article-header"><h1>{heading(text)}</h1>
<div class="byline"><span class="author">{words.by} {text.author}</span>
<time datetime="{text.date}">{text.date}</time></div>
</header>
<div class="article-body" itemprop="articleBody">
{body(text.blocks)}
</div>
{share(site, url)}
</article>
<aside class="sidebar">
{related(site, links)}
{newsletter(site)}
</aside>
</main>
{comment_form(site)}
{footer(site)}"""
    return document(site, described(site, text, url), content, kind="single")


def blog(site: Site, text: Text, links: list[Link]) -> str:
    """A weblog as the commonest publishing system lays it out."""
    url, words = site.address(text), WORDS[site.language]
    minutes = max(1, len(text.prose.split()) // 220)
    widgets = "\n".join(
        f'<section class="widget">{part}</section>' for part in (related(site, links), newsletter(site))
    )
    content = f"""<div id="page" class="hfeed site">
<header id="masthead" class="site-header"><p class="site-title"><a href="/">{site.name}</a></p>
<p class="site-description">{site.tagline}</p>{menu(site, kind="main-navigation")}</header>
<div id="content" class="site-content"><div id="primary" class="content-area"><main id="main" class="site-main">
<article id="post-{len(text.prose)}" class="post type-post status-publish hentry">
<header class="entry-header"><h1 class="entry-title">{heading(text)}</h1>
<div class="entry-meta"><span class="posted-on">{text.date}</span> <span class="byline">{text.author}</span>
<span class="reading-time">{minutes} {words.minutes}</span></div></header>
<div class="entry-content">
{body(text.blocks)}
</div>
<footer class="entry-footer">{share(site, url)}
<span class="tags-links"><a href="/tag/{text.kind}/">{text.kind}</a></span></footer>
</article>
{comments(text) if site.language == "en" else ""}
{comment_form(site)}
</main></div>
<div id="secondary" class="widget-area" role="complementary">{searching(site)}
{widgets}</div></div>
{footer(site)}
</div>
{cookies(site)}"""
    return document(site, described(site, text, url), content, kind="post-template-default single single-post")


def newspaper(site: Site, text: Text, links: list[Link]) -> str:
    """A local paper: many boxes, few semantic elements, an advertisement inside the text."""
    url, words = site.address(text), WORDS[site.language]
    middle = max(1, len(text.blocks) // 2)
    content = f"""<div class="page-wrapper">
<div class="top-bar">{menu(site, kind="meta-nav")}{searching(site)}</div>
<div class="masthead"><a href="/"><img src="/img/logo.svg" alt="{site.name}"></a>
<div class="claim">{site.tagline}</div></div>
{breadcrumb(site, text.title)}
<div class="content-row"><div class="article-main">
<div class="article__header"><span class="kicker">{words.menu[1]}</span>
<h1 class="article__headline">{heading(text)}</h1>
<div class="article__meta">{words.by} {text.author} &middot; {text.date}</div></div>
<div class="article__content">
{body(text.blocks[:middle])}
<div class="ad-slot advertisement" data-slot="content-1"></div>
{body(text.blocks[middle:])}
</div>
{share(site, url)}
</div><div class="sidebar-right">{related(site, links)}{newsletter(site)}</div></div>
{footer(site)}
{cookies(site)}
</div>"""
    return document(site, described(site, text, url), content, kind="article-page")


def posts(text: Text) -> list[tuple[str, tuple[Block, ...]]]:
    """The posts of a forum thread: who and when, and what was said; without headers all is one post."""
    starts = [number for number, block in enumerate(text.blocks) if block.kind == "post"] or [0]
    thread = []
    for start, end in pairwise([*starts, len(text.blocks)]):
        first = text.blocks[start]
        named = first.kind == "post"
        name = first.lines[0] if named else f"{text.author}, {text.date}"
        thread.append((name, text.blocks[start + 1 if named else start : end]))
    return thread


def forum(site: Site, text: Text, links: list[Link]) -> str:
    """A thread of a discussion board, each post beside its author's profile."""
    rows = []
    for number, (signed, said) in enumerate(posts(text), start=1):
        user, _, day = signed.rpartition(", ")
        rows.append(f"""<div id="p{number}" class="post">
<dl class="postprofile"><dt><a href="/memberlist?u={len(user) * 37}">{html.escape(user)}</a></dt>
<dd>Posts: {len(user) * 53}</dd></dl>
<div class="postbody"><div class="author">{html.escape(day)} <a href="#p{number}">#{number}</a></div>
<div class="content">
{body(said)}
</div></div>
<ul class="post-buttons"><li><a href="/quote?p={number}">Quote</a></li>
<li><a href="/report?p={number}">Report</a></li></ul>
</div>""")
    content = f"""<div id="wrap"><div id="page-header"><h1 class="site-name">{site.name}</h1>
{menu(site, kind="navbar")}</div>
<div id="page-body">
{breadcrumb(site, text.title)}
<h2 class="topic-title"><a href="{site.address(text)}">{heading(text)}</a></h2>
<div class="topic-actions"><a class="button" href="/reply">Post reply</a> {len(rows)} posts, page 1 of 1</div>
<div class="posts">
{chr(10).join(rows)}
</div>
{related(site, links)}
</div>
{footer(site)}</div>"""
    return document(site, described(site, text, site.address(text)), content, kind="section-viewtopic")


def manual(site: Site, text: Text, links: list[Link]) -> str:
    """A page of documentation, its table of contents at the side."""
    url = site.address(text)
    contents = "".join(
        f'<li class="toctree-l1"><a href="{link.url}">{html.escape(link.title)}</a></li>' for link in links
    )
    following = links[0] if links else Link("/", "Index")
    content = f"""<div class="wy-grid-for-nav">
<nav class="wy-nav-side" data-toggle="wy-nav-shift"><a class="icon-home" href="/">{site.name}</a>{searching(site)}
<div class="toctree"><p class="caption">Contents</p><ul class="current">{contents}</ul></div></nav>
<section class="wy-nav-content-wrap"><div class="wy-nav-content"><div class="rst-content">
<div role="navigation" class="wy-breadcrumbs"><a href="/">Docs</a> &raquo; {heading(text)}
<a class="edit" href="/edit/{text.slug}.md">Edit this page</a></div>
<div role="main" class="document" itemscope><div itemprop="articleBody"><div class="section" id="{text.slug}">
<h1>{heading(text)}</h1>
{body(text.blocks)}
</div></div></div>
<div class="rst-footer-buttons" role="navigation">
<a href="{following.url}" rel="next">Next: {html.escape(following.title)}</a></div>
{footer(site)}
</div></div></section>
</div>"""
    return document(site, described(site, text, url), content, kind="wy-body-for-nav")


def recipe(site: Site, text: Text, links: list[Link]) -> str:
    """A recipe in a food weblog, with the usual link that skips the story."""
    url, words = site.address(text), WORDS[site.language]
    content = f"""{cookies(site)}
<header class="site-header"><a class="custom-logo" href="/">{site.name}</a>{menu(site)}</header>
<div class="site-inner"><main class="content">
{breadcrumb(site, text.title)}
<article class="entry type-post">
<header class="entry-header"><h1 class="entry-title">{heading(text)}</h1>
<p class="entry-meta">{words.by} {text.author} <time>{text.date}</time></p>
<div class="recipe-jump"><a class="button" href="#recipe">Jump to recipe</a>
<a class="button" href="/print/{text.slug}">Print</a></div>
</header>
<div class="entry-content">
{body(text.blocks)}
</div>
{share(site, url)}
</article>
{comment_form(site)}
</main>
<aside class="sidebar-primary">{newsletter(site)}{related(site, links)}</aside></div>
{footer(site)}"""
    return document(site, described(site, text, url), content, kind="recipe-template")


def tables(site: Site, text: Text, links: list[Link]) -> str:
    """A page of the nineties: tables for layout, the text in one cell."""
    rows = "".join(f'<tr><td class="nav"><a href="{link.url}">{escaped(link.title)}</a></td></tr>' for link in links)
    content = f"""<table width="100%" class="banner"><tr><td><b>{site.name}</b></td></tr></table>
<table width="100%"><tr valign="top">
<td width="160" class="nav"><table class="nav">{rows}</table></td>
<td class="text"><h1>{heading(text)}</h1>
<i>{text.author}, {text.date}</i>
{body(text.blocks)}
</td></tr></table>
<hr><p class="nav"><a href="/">Back to the index</a> | <a href="/guestbook">Guest book</a></p>
{footer(site)}"""
    return document(site, described(site, text, site.address(text)), content, kind="old")


def plain(site: Site, text: Text, links: list[Link]) -> str:
    """A plain text file, with its own marks for headings and lists."""
    marks = {"bullets": "- ", "steps": "# ", "code": "    "}
    parts = ["\n".join(marks.get(block.kind, "") + line for line in block.lines) for block in text.blocks]
    return "\n\n".join((text.title, *parts)) + "\n"


def front(site: Site, links: list[Link]) -> str:
    """A front page: teasers and nothing else."""
    more = "&hellip;" if site.template in ("blog", "newspaper") else ""
    rows = "\n".join(
        f'<article class="teaser"><h2><a href="{link.url}">{html.escape(link.title, quote=False)}</a></h2>'
        f'<p>{html.escape(link.teaser, quote=False)} {more} <a class="more" href="{link.url}">Read on</a></p></article>'
        for link in links
    )
    content = f"""{cookies(site)}
<header class="site-header"><a class="logo" href="/">{site.name}</a>{menu(site)}{searching(site)}</header>
<main class="front"><h1>{site.name}</h1><p class="claim">{site.tagline}</p>
{rows}
</main>
<aside>{newsletter(site)}</aside>
{footer(site)}"""
    return document(site, head(site, site.name, f"{site.scheme}://{site.host}/"), content, kind="home blog")


Template = Callable[[Site, Text, list[Link]], str]
TEMPLATES: dict[str, Template] = {
    "review": review,
    "blog": blog,
    "newspaper": newspaper,
    "forum": forum,
    "manual": manual,
    "recipe": recipe,
    "tables": tables,
    "plain": plain,
}

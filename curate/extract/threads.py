"""The posts of a thread: forums, questions with answers, and discussions, by the markup of the software that made them.

An extractor takes the longest post for the article and the others for comments, or takes all with the authors' cards.
Here a page whose first characters name such a software is looked through for its posts. What is no part of a post
(signatures, buttons, notes of edits) is taken out of the tree, and what a software marks up as something else gets the
element that a reader sees: a post is a division, a quotation a quotation.
"""

import re
from functools import cache
from typing import Any, NamedTuple

from lxml.etree import XPath

from curate.markup.blocks import HEADING, ITEM, PARAGRAPH, Block

HEAD = 6144  # characters of a page in which a software names itself; the farthest of 18 threads came at 5,625
COMPOUND = re.compile(r"([a-z][\w-]*)?((?:[.#][\w-]+|\[[^\]]+\])*)")
RULE = "_____"  # above a signature
NOT_POSTS = ("blockquote", "aside", "span", "font")
SHARE = 0.1  # of all characters that would be main text; a page whose posts have fewer is about something else
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
TEST = re.compile(r"\.([\w-]+)|#([\w-]+)|\[([\w-]+)([*^]?=)([^\]]+)\]")


class Software(NamedTuple):
    """The markup of a thread by one software; selectors are as in CSS, with classes, ids and values of attributes.

    signs: words of which the head of its pages has one. title, posts: alternatives; the first that matches counts.
    furniture, quotations: inside a post.
    """

    name: str  # in the column `flags`
    signs: tuple[str, ...]
    title: str
    posts: tuple[str, ...]
    comments: str = ""  # posts only if readers' comments belong to the text
    furniture: str = ""
    quotations: str = ""


SOFTWARE = (
    Software(  # XenForo 2
        "XenForo",
        ('id="xf"',),
        "h1.p-title-value",
        (".message--post .message-body .bbWrapper, .js-post .message-body .bbWrapper", ".js-post .message-body"),
        furniture=".bbCodeBlock-expandLink, .message-signature, .message-lastEdit, .js-unfurl-figure",
    ),
    Software(  # XenForo 1
        "XenForo",
        ('id="xenforo"',),
        ".titleBar h1",
        ("li.message article .messageText", "li.message blockquote.messageText"),
        furniture=".quoteExpand, .messageTextEndMarker, .editDate, .AttributionLink, .PageNav",
    ),
    Software(  # vBulletin 5, 4, 3, and the archive that it makes for crawlers
        "vBulletin",
        ("vbulletin", "archive/index.php/t-"),
        ".b-post__title, .main-title, .threadtitle, .navbar > strong, .breadcrumb strong, .largefont > a, h1",
        ("blockquote.postcontent", ".js-post__content-text", "[id^=post_message_]", ".post > .posttext"),
        furniture=".bbcode_description, .tapatalkSignatur, .editedby, .b-post__edit-history",
        quotations=".bbcode_quote, .bbcode_quote_container.quote_container, td.alt2",
    ),
    Software(  # phpBB 3 with either of its styles, phpBB 2, and Forumotion, which is made from it
        "phpBB",
        ("phpbb", "forumotion"),
        "h2.topic-title, .topic-title, #page-body > h2, h1.page-title, a.maintitle, a.titles, .maintitle h3",
        (".postbody .content", ".postbody .post-entry", "div.postbody", "span.postbody"),
        furniture=".signature, .signature_div, .notice, .codebox > p, .codebox > dt, .codehead, .quotetitle a",
        quotations=".quotecontent",
    ),
    Software(  # Discourse, for crawlers and in browsers
        "Discourse",
        ('content="discourse ',),
        "h1 a, h1, #topic-title h1",
        (".crawler-post .post", ".topic-post .cooked, article .cooked", "[itemprop=articleBody], [itemprop=text]"),
        furniture=".lightbox .meta, .quote-controls, .onebox .source, .cooked-selection-barrier",
    ),
    Software(  # Stack Exchange
        "StackExchange",
        ("cdn.sstatic.net",),
        "#question-header h1, h1[itemprop=name]",
        ("#question .js-post-body, #answers .js-post-body", "#question .post-text, #answers .post-text"),
        comments="#question .comment-copy, #answers .comment-copy",
        furniture=".s-notice .js-dismiss, .snippet-ctas",
    ),
    Software(  # Hacker News
        "HackerNews",
        ('op="item"', "news.ycombinator.com"),
        ".titleline > a, td.title a.storylink",
        (".fatitem .toptext, .fatitem .commtext, .comment-tree .commtext, .default .commtext",),
        furniture=".reply",
    ),
    Software(  # Reddit: now, its old form, and that of 2018 to 2023
        "Reddit",
        ("redditstatic", "shreddit"),
        "h1[slot=title], .link a.title, [data-test-id=post-content] h1",
        (
            "shreddit-post [slot=text-body], shreddit-comment > [slot=comment]",
            "#siteTable .link .usertext-body .md, .commentarea .comment .usertext-body .md",
            "[data-test-id=post-content] [data-click-id=text], [data-testid=comment], [data-test-id=comment]",
        ),
        furniture="faceplate-tracker",
    ),
    Software(  # GitHub's issues and discussions
        "GitHub",
        ("githubassets",),
        ".js-issue-title, [data-testid=issue-title], .gh-header-title",
        ("[data-testid=markdown-body]", ".js-comment-body", ".comment-body.markdown-body"),
        furniture="clipboard-copy, .zeroclipboard-container, .email-hidden-toggle",
    ),
    Software(  # Invision Community 4 and 3
        "Invision",
        ("ipsapp", "ipb.vars", "?ipbv="),
        "h1.ipsType_pageTitle, h1",
        ("[data-pagecontroller=topic] [data-role=commentContent]", ".post_block .entry-content"),
        furniture=".nexusad, .ipsQuote_citation .ipsQuote_show, .edit",
    ),
    Software(  # MyBB
        "MyBB",
        ("mybb",),
        "td.thead strong",
        (".post_body",),
        furniture=".post_edit, .codeblock > .title",
    ),
    Software(  # SMF
        "SMF",
        ("smf_theme_url",),
        "#display_head h2, h5[id^=subject_] a, .display_title",
        ("[id^=msg_].inner, .post [id^=msg_]", ".post > .inner"),
        furniture=".smf_codeselect, .codeoperation, .codeheader a, .bbc_alert",
    ),
    Software(  # Vanilla
        "Vanilla",
        ("/applications/vanilla/",),
        "#Content h1, .PageTitle h1, h1",
        (".ItemDiscussion .Message, .ItemComment .Message",),
        furniture=".Signature, .Reactions",
    ),
    Software(  # whatever states by microdata that it is a thread or a question with answers
        "microdata",
        ("schema.org/discussionforumposting", "schema.org/qapage"),
        "h1",
        (
            "[itemtype*=ForumPosting] [itemprop=articleBody], [itemtype*=ForumPosting] [itemprop=text]",
            "[itemtype*=/Question] [itemprop=text], [itemtype*=/Answer] [itemprop=text]",
        ),
    ),
)


class Thread(NamedTuple):
    """The elements of a thread that are its text, in the page's order."""

    software: str
    title: Any  # None where there is none
    posts: list[Any]  # and comments, if they belong to the text


def thread(tree: Any, markup: str, *, comments: bool = False) -> Thread | None:
    """Returns the thread that a page holds, or None; the posts lose in the tree what is no part of them.

    comments: whether short comments on posts belong to the text.
    """
    head = markup[:HEAD].lower()
    for software in SOFTWARE:
        if any(sign in head for sign in software.signs) and (posts := _posts(tree, software, comments=comments)):
            _tidy(posts, software)
            return Thread(software.name, _title(tree, software), posts)
    return None


def _title(tree: Any, software: Software) -> Any:
    """Returns the heading that is the title of a thread, or None."""
    titles = (element for selector in software.title.split(", ") for element in _selector(selector)(tree))
    title = next(titles, None)
    if title is not None:
        _strip(title, software)
        if title.tag not in HEADINGS:
            if (heading := next(title.iterancestors(*HEADINGS), None)) is not None:
                return heading
            title.tag = "h1"
    return title


def of_thread(blocks: list[Block], chosen: list[bool], thread: Thread) -> list[Block]:
    """Returns the blocks of a thread's title and posts, and the other chosen ones if the page is about something else.

    Lists around a post, in which some software sets all posts, are no part of the text.
    """
    posts: dict[Any, Any] = {post: post for post in thread.posts} | {thread.title: thread.title, None: None}

    def post_of(element: Any) -> Any:
        if element not in posts:
            posts[element] = post_of(element.getparent())
        return posts[element]

    holders = [post_of(block.element) for block in blocks]
    size = sum(len(block.text) for block, holder in zip(blocks, holders, strict=True) if holder is not None)
    other = sum(
        len(block.text) for block, holder, keep in zip(blocks, holders, chosen, strict=True) if keep and holder is None
    )
    is_thread = size >= SHARE * (size + other)
    depths = {post: sum(1 for _ in post.iterancestors("ul", "ol", "dl")) for post in thread.posts}
    return [
        _outside_lists(block, depths.get(holder, 0))
        for block, holder, keep in zip(blocks, holders, chosen, strict=True)
        if holder is not None or (keep and not is_thread)
    ]


def _outside_lists(block: Block, depth: int) -> Block:
    """Returns a block as it would be without the lists around its post."""
    if not depth or block.kind is HEADING:
        return block
    level = max(0, block.level - depth)
    if level or block.kind is not ITEM:
        return block._replace(level=level)
    return block._replace(kind=PARAGRAPH, level=0, marker="")


def _posts(tree: Any, software: Software, *, comments: bool) -> list[Any]:
    """Returns the posts of a page, in order; none lies in another."""
    for alternative in software.posts:
        if posts := _selector(alternative)(tree):
            if comments and software.comments:
                posts = _selector(f"{alternative}, {software.comments}")(tree)
            inside = set(posts)
            return [post for post in posts if inside.isdisjoint(post.iterancestors()) and not _is_signature(post)]
    return []


def _is_signature(post: Any) -> bool:
    """Returns True for what phpBB 2 puts behind a post in the same markup."""
    return "".join(post.itertext()).lstrip().startswith(RULE)


def _tidy(posts: list[Any], software: Software) -> None:
    """Takes out of posts what is furniture, and gives posts and quotations the elements that say so."""
    for post in posts:
        _strip(post, software)
        if post.tag in NOT_POSTS:
            post.tag = "div"
        for hidden in post.iterancestors("noscript", "template"):  # posts for readers without scripts
            hidden.tag = "div"
        for element in _selector(software.quotations)(post) if software.quotations else ():
            element.tag = "blockquote"


def _strip(element: Any, software: Software) -> None:
    """Takes out of an element what is furniture."""
    for part in _selector(software.furniture)(element) if software.furniture else ():
        part.drop_tree()


@cache
def _selector(selectors: str) -> XPath:
    """Returns the path to what some selectors of CSS match below an element, in the page's order."""
    return XPath(" | ".join(f".//{_path(selector)}" for selector in selectors.split(", ")))


def _path(selector: str) -> str:
    """Returns a selector as a path.

    >>> _path("li.post > p[id^=x]")
    'li[contains(concat(" ", normalize-space(@class), " "), " post ")]/p[starts-with(@id, "x")]'
    """
    steps: list[str] = []
    between = ""
    for part in selector.split():
        if part == ">":
            between = "/"
            continue
        match = COMPOUND.fullmatch(part)
        assert match, selector
        tests = "".join(_test(*groups) for groups in TEST.findall(match[2]))
        steps.append(f"{between}{match[1] or '*'}{tests}")
        between = "//"
    return "".join(steps)


def _test(name: str, id_: str, attribute: str, operator: str, value: str) -> str:
    """Returns a predicate: a class, an id, or a value of an attribute."""
    if name:
        return f'[contains(concat(" ", normalize-space(@class), " "), " {name} ")]'
    if id_:
        return f'[@id="{id_}"]'
    if operator == "=":
        return f'[@{attribute}="{value}"]'
    function = "contains" if operator == "*=" else "starts-with"
    return f'[{function}(@{attribute}, "{value}")]'

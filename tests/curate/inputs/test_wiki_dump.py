"""Articles out of a MediaWiki dump: the right pages, their prose without markup, and damage that costs little."""

import bz2
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.inputs.rows import UnreadRows, numbered_rows
from curate.inputs.wikitext import plain_text, prefixes_of
from curate.records import Skipped

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="fr">
<siteinfo><sitename>Wikipédia</sitename><base>https://fr.wikipedia.org/wiki/Accueil</base><namespaces>
<namespace key="0" case="first-letter" /><namespace key="6" case="first-letter">Fichier</namespace>
<namespace key="14" case="first-letter">Catégorie</namespace></namespaces></siteinfo>
"""


def page(title="Été?", text="Prose.", *, number=7, namespace=0, redirect="", revisions=None, model="wikitext"):
    texts = revisions or [text]
    written = "".join(
        f"<revision><id>{place}</id><timestamp>2024-05-0{place}T01:02:03Z</timestamp><contributor><id>99</id></contributor>"
        f"<model>{model}</model><text bytes='1' xml:space='preserve'>{escape(text)}</text></revision>"
        for place, text in enumerate(texts, start=1)
    )
    return f"<page><title>{escape(title)}</title><ns>{namespace}</ns><id>{number}</id>{redirect}{written}</page>\n"


def dump(*pages):
    return (HEAD + "".join(pages) + "</mediawiki>").encode()


@pytest.fixture
def read(tmp_path):
    def read_file(content, name="frwiki-pages-articles1.xml-p1p99.bz2"):
        (tmp_path / name).write_bytes(bz2.compress(content) if name.endswith(".bz2") else content)
        return [*numbered_rows(tmp_path / name)]

    return read_file


@pytest.mark.parametrize("name", ["a.xml", "a.xml.bz2", "frwiki-pages-articles1.xml-p1p99.bz2"])
def test_an_article_is_a_row(name, read):
    assert read(dump(page()), name) == [
        (
            1,
            {
                "id": "7",
                "url": "https://fr.wikipedia.org/wiki/%C3%89t%C3%A9%3F",
                "title": "Été?",
                "timestamp": "2024-05-01T01:02:03Z",
                "text": "Prose.",
            },
        )
    ]


def test_a_multistream_dump_is_read_through(tmp_path):
    pieces = [HEAD, page("A"), page("B"), "</mediawiki>"]
    path = tmp_path / "enwiki-20240501-pages-articles-multistream.xml.bz2"
    path.write_bytes(b"".join(bz2.compress(piece.encode()) for piece in pieces))
    assert [row["title"] for _, row in numbered_rows(path)] == ["A", "B"]


def test_what_is_no_article_is_skipped_and_counted(read):
    rows = read(
        dump(
            page(redirect='<redirect title="X" />'),
            page(text="#REDIRECT [[X]]"),
            page(namespace=10),
            page(model="Scribunto"),
            page("last"),
        )
    )
    assert [row for _, row in rows[:4]] == [
        Skipped("redirect"),
        Skipped("redirect"),
        Skipped("namespace 10"),
        Skipped("model Scribunto"),
    ]
    assert rows[4][0] == 5
    assert rows[4][1]["title"] == "last"


def test_the_last_revision_counts(read):
    ((_, row),) = read(dump(page(revisions=["old", "new"])))
    assert (row["id"], row["timestamp"], row["text"]) == ("7", "2024-05-02T01:02:03Z", "new")


def test_the_names_of_namespaces_are_those_of_the_wiki(read):
    ((_, row),) = read(dump(page(text="[[Fichier:a.png|thumb|x]]Un [[Mot|mot]].[[Catégorie:C]][[:Catégorie:C]]")))
    assert row["text"] == "Un mot.Catégorie:C"


def test_a_cut_dump_keeps_what_stands_before(read):
    content = dump(page("A"), page("B"), page("C"))
    rows = read(content[: content.rindex(b"<page>") + 40], "a.xml")
    assert [row["title"] for _, row in rows[:2]] == ["A", "B"]
    assert isinstance(rows[2][1], UnreadRows)
    assert rows[2][0] == 3


@pytest.mark.parametrize(
    "content",
    [
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><mediawiki>&a;</mediawiki>',
        b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"></urlset>',
        b"<html><p>text</html>",
    ],
)
def test_xml_that_is_no_dump_is_refused(content, read):
    ((_, row),) = read(content, "a.xml")
    assert isinstance(row, UnreadRows)


def test_bytes_that_are_not_utf_8_cost_no_page(read):
    content = dump(page("A", "caf@"), page("B")).replace(b"caf@", b"caf\xe9")
    assert [row["text"] for _, row in read(content)] == ["caf\ufffd", "Prose."]


def test_a_page_that_would_take_hours_to_parse_is_lost_alone(read):
    (_, lost), (_, kept) = read(dump(page("A", "{{a|b={{c|" * 50_000), page("B")))
    assert str(lost) == "A: 100000 times {{ without its end; the most that is parsed is 50"
    assert kept["title"] == "B"


MARKUP = {
    "bold and italic": ("'''A''' ''b'' '''''c'''''", "A b c"),
    "an apostrophe": ("l''''amour'''", "l'amour"),
    "a link": ("[[Paris]] [[Paris|city]] [[Paris#Now]]s", "Paris city Paris#Nows"),
    "a file": ("[[File:a.jpg|thumb|The [[town]] hall]]text", "text"),
    "a category": ("text\n[[Category:A]]", "text"),
    "another language": ("text [[de:Haus]] [[:de:Haus]]", "text de:Haus"),
    "an address": ("[http://a.b A page] http://c.d [http://e.f]", "A page http://c.d"),
    "a template": ("one {{box|a=b|{{c}}}} two", "one two"),
    "a template with text": ("{{lang|fr|mot}} {{convert|5|km}} 1{{ndash}}2", "mot 5 km 1–2"),
    "hollow brackets": ("Rome ({{IPA|x}}; {{y}}) is", "Rome is"),
    "a note": ('a<ref name="x">n</ref> b<ref name=x /> c', "a b c"),
    "a table": ("a\n{| class=x\n|-\n! h\n|-\n| c\n|}\nb", "a\n\nb"),
    "a list": ("* one\n** two\n# a\n# b\n* c", "- one\n  - two\n1. a\n2. b\n- c"),
    "headings": ("a\n== H ==\nb\n== Empty ==\n=== Sub ===\n{{x}}\n== C ==\nd", "a\n\nH\n\nb\n\nC\n\nd"),
    "a heading over a heading": ("== A ==\n=== B ===\ntext", "A\n\nB\n\ntext"),
    "a comment": ("a<!-- b -->c <!-- open", "ac"),
    "formulas and code": ("<math>a^2</math> <code>x = 1</code>", "$a^2$ x = 1"),
    "breaks": ("a<br>b<br/>c", "a\nb\nc"),
    "entities": ("a&nbsp;b &lt;c&gt; &#x41; &amp;", "a b <c> A &"),
    "nowiki": ("<nowiki>'''[[a]]'''</nowiki>", "[[a]]"),
    "switches": ("__NOTOC__a", "a"),
    "a quotation": ("a\n<blockquote>b</blockquote>\nc", "a\n\nb\n\nc"),
    "nothing": ("{{stub}}", ""),
}


@pytest.mark.parametrize("name", MARKUP)
def test_markup_becomes_prose(name):
    markup, expected = MARKUP[name]
    assert plain_text(markup, prefixes_of(())) == expected


@given(st.text(st.sampled_from([*"a'[]{}|=*#:<>!/\n &-"]), max_size=80))
def test_no_markup_breaks_the_reader(markup):
    text = plain_text(markup, prefixes_of(()))
    assert not set(text) & {"\x01", "\x02", "\x03"}

"""Stock phrases are whole lines, or begin lines, in ten languages; sentences that hold their words are none."""

import pytest

from curate.text.phrases import LAST_HEADING, LINES, is_call, is_stock_phrase, names_other_page


@pytest.mark.parametrize(
    "line",
    [
        *("READ MORE", "Weiterlesen »", "Lire la suite…", "Leer más...", "Leggi tutto", "Leia mais", "Lees verder"),
        *(
            "Читать далее",
            "続きを読む",
            "阅读全文 >",
            "5 min read",
            "Lesezeit: 2 Minuten",
            "Tempo de leitura: 1 minuto",
        ),
    ],
)
def test_a_stock_phrase_is_a_whole_line(line):
    assert is_stock_phrase(line)
    assert not is_stock_phrase(f"{line} steht am Rand")


def test_the_phrases_are_in_the_form_in_which_lines_are_compared():
    assert [line for line in LINES if line != line.strip().lower()] == []


@pytest.mark.parametrize(
    "line",
    [
        "Like this story? Share it!",
        "Sign up for the newsletter",
        "Suivez-nous sur X",
        "Síguenos en Facebook",
        "关注我们",
    ],
)
def test_a_call_tells_readers_what_to_do(line):
    assert is_call(line)


@pytest.mark.parametrize("line", ["Related: the bell", "Schon gelesen?", "Leggi anche: la campana", "関連記事：鐘"])
def test_a_teaser_names_another_page(line):
    assert names_other_page(line)


@pytest.mark.parametrize(
    ("heading", "is_last"),
    [
        *((heading, True) for heading in ("Related stories", "Mehr zum Thema", "Articles similaires", "Leia também")),
        *(
            (heading, True)
            for heading in ("Lees ook", "Похожие статьи", "関連記事", "相关文章", "More ground beef recipes:")
        ),
        *(
            (heading, False)
            for heading in ("The bell", "Mehrere Glocken", "Teilen und Herrschen", "Sources", "参考文献")
        ),
    ],
)
def test_a_last_heading_stands_above_other_pages(heading, is_last):
    assert bool(LAST_HEADING.fullmatch(heading)) == is_last

"""A statement of a page about itself is added where its text lacks it, at its place, and never twice."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.extract import supplements
from curate.extract.structured import Statement
from curate.extract.supplements import Addition, Blocks, missing, supplemented
from curate.markup.blocks import HEADING, ITEM, PARAGRAPH, Block
from curate.markup.markdown import as_markdown
from curate.markup.render import as_text

INGREDIENTS = Statement(
    kind="Recipe.ingredients",
    lines=("500 g rye flour", "2 tsp salt", "1½ cups warm water", "1 tbsp caraway seeds (optional)"),
    is_list=True,
)
STEPS = Statement(
    kind="Recipe.instructions",
    lines=(
        "Mix the flour with the salt and most of the water in a wide bowl.",
        "Knead the dough for ten minutes, then cover it and leave it alone until morning.",
        "Bake.",
    ),
    is_list=True,
    is_ordered=True,
)
ARTICLE = Statement(
    kind="Article.body",
    lines=("The harbour town kept its old clock.", "Nobody could say who wound it up, or when, or what for at all."),
)
ANSWER = Statement(kind="Question.answers", heading="Can I freeze it?", lines=("Yes, for a month or so.",))


def additions(statements, blocks, headings, groups=None):
    return supplements.additions(statements, Blocks(blocks, headings, groups or {}))


@pytest.mark.parametrize(
    "text",
    [
        "500 g rye flour\n2 tsp salt\n1½ cups warm water\n1 tbsp caraway seeds (optional)",
        "500g rye flour, 2 tsp. salt, 1 1/2 cups of warm water and 1 tbsp caraway seeds",
        "rye flour 500 g\nsalt 2 tsp\nwarm water 1½ cups\ncaraway seeds 1 tbsp",
        "500grye flour\n2tspsalt\n1½cupswarm water\n1tbspcaraway seeds",
        "| 500 g | rye flour, the dark one |\n| 2 tsp | salt |\n| 1½ cups | warm water |",
        "Before. " * 300 + "500 g RYE FLOUR\n2 tsp salt\n1½ cups WARM water\n" + "Behind. " * 300,
    ],
)
def test_a_list_is_there_in_whatever_form(text):
    assert missing([INGREDIENTS], text) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mix the flour with the salt and most of the water. Sprinkle caraway seeds on top.",
        "500 g rye flour\nWarm hands.",
        "Caraway seeds from a cup! And salt, warm water, tsp, tbsp: seeds of rye.",
        "500 g rye flour " + "and something else " * 40 + "2 tsp salt " + "and more of it " * 40 + "1½ cups warm water",
    ],
)
def test_a_list_is_missing_where_only_instructions_name_its_items(text):
    assert missing([INGREDIENTS], text) == [INGREDIENTS]


def test_ingredients_that_instructions_name_with_their_amounts_are_missing():
    steps = Statement(
        kind="Recipe.instructions",
        lines=("Sift 500 g of rye flour with 2 tsp of salt and 1 tbsp of caraway seeds.", "Add 1½ cups of warm water."),
        is_list=True,
    )
    text = "\n".join(["Bread.", *steps.lines])
    assert missing([INGREDIENTS], text) == []
    assert missing([INGREDIENTS, steps], text) == [INGREDIENTS]
    assert missing([INGREDIENTS, steps], "\n".join([*INGREDIENTS.lines, text])) == []


def test_a_passage_is_there_if_the_text_holds_half_of_it():
    assert missing([ARTICLE], "x. The harbour town kept its old clock. Nobody could say who wound it up") == []
    assert missing([ARTICLE], "A harbour. A town. An old clock. Nobody wound it up.") == [ARTICLE]


def test_ingredients_go_before_the_instructions_and_their_heading():
    blocks = ["Rye bread", "Good bread.", "Method", *STEPS.lines]
    assert additions([INGREDIENTS, STEPS], blocks, {0: 1, 2: 2}) == [Addition(2, INGREDIENTS, None)]
    assert additions([INGREDIENTS, STEPS], ["Rye bread", *blocks[2:]], {0: 1, 1: 2}) == [Addition(1, INGREDIENTS, None)]


def test_ingredients_go_under_their_own_heading_if_that_is_left():
    blocks = ["Rye bread", "Good bread.", "You need", "Method", *STEPS.lines]
    assert additions([INGREDIENTS, STEPS], blocks, {0: 1, 2: 2, 3: 2}) == [Addition(3, INGREDIENTS, None)]


def test_instructions_go_behind_the_ingredients_and_what_has_no_place_goes_last():
    blocks = ["Good bread.", *INGREDIENTS.lines, "Ann likes this."]
    assert additions([INGREDIENTS, STEPS], blocks, {}) == [Addition(5, STEPS, None)]
    assert additions([INGREDIENTS, STEPS], ["Good bread."], {0: 1}) == [
        Addition(1, INGREDIENTS, None),
        Addition(1, STEPS, None),
    ]


def test_a_list_or_a_table_is_not_torn():
    blocks = ["Good bread.", *INGREDIENTS.lines, "a pinch of love", "Ann likes this."]
    groups = dict.fromkeys(range(1, 6), "list")
    assert additions([INGREDIENTS, STEPS], blocks, {}, groups) == [Addition(6, STEPS, None)]
    blocks = ["Good bread.", "Wash your hands.", *STEPS.lines]
    assert additions([INGREDIENTS, STEPS], blocks, {}, dict.fromkeys(range(1, 5), "list")) == [
        Addition(1, INGREDIENTS, None)
    ]


def test_an_answer_goes_under_its_question_which_is_not_repeated():
    blocks = ["Good bread.", "Can I freeze it", "Next"]
    assert additions([ANSWER], blocks, {}) == [Addition(2, ANSWER, None)]
    assert additions([ANSWER], blocks[:1], {}) == [Addition(1, ANSWER, "Can I freeze it?")]


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([], [Addition(0, ARTICLE, None, replaces=True)]),
        (["Loading"], [Addition(0, ARTICLE, None, replaces=True)]),
        (["The harbour town kept its old clock."], [Addition(0, ARTICLE, None, replaces=True)]),
        (["The old clock", "Subscribe"], [Addition(2, ARTICLE, None)]),
        (["The old clock", "A long text about quite other things. " * 9], [Addition(1, ARTICLE, None)]),
        (list(ARTICLE.lines), []),
    ],
)
def test_the_body_of_an_article_replaces_a_part_of_itself_and_a_short_one_is_a_lead(blocks, expected):
    assert additions([ARTICLE], blocks, {0: 1} if len(blocks) == 2 else {}) == expected


def test_an_abridged_article_is_left_out():
    assert additions([Statement(kind="Article.body", lines=("The harbour town kept …",))], ["Other words."], {}) == []


def test_of_two_statements_that_say_the_same_one_is_added():
    again = Statement(kind="Recipe.ingredients", lines=tuple(f"- {line}" for line in INGREDIENTS.lines), is_list=True)
    assert additions([INGREDIENTS, again], ["Good bread."], {}) == [Addition(1, INGREDIENTS, None)]


def test_blocks_are_lists_with_markers_and_flags_say_what_was_added():
    blocks = [
        Block(HEADING, "Rye bread", None, 1),
        Block(HEADING, "You need", None, 2),
        Block(HEADING, "Method", None, 2),
    ]
    blocks += [Block(PARAGRAPH, "Step 1", None)]
    blocks += [Block(PARAGRAPH, line, None) for line in STEPS.lines]
    whole, flags = supplemented(blocks, [INGREDIENTS, STEPS, ANSWER])
    assert flags == ("structured:Recipe.ingredients", "structured:Question.answers")
    assert as_text(whole).split("\n\n")[:3] == [
        "Rye bread",
        "You need",
        "- 500 g rye flour\n- 2 tsp salt\n- 1½ cups warm water\n- 1 tbsp caraway seeds (optional)",
    ]
    assert as_markdown(whole).endswith("\n\n### Can I freeze it?\n\nYes, for a month or so.")
    numbered, _ = supplemented([], [STEPS])
    assert as_text(numbered).split("\n")[2] == "3. Bake."
    assert supplemented(whole, [INGREDIENTS, STEPS, ANSWER]) == (whole, ())


def test_items_get_the_blanks_that_a_style_sheet_shows():
    texts = [
        "500 grye flour",
        "2tspsalt",
        "1½cupswarm water(not hot)",
        "1 tbsp  caraway seeds (optional)",
        "2 tspsalted",
    ]
    whole, flags = supplemented([Block(ITEM, text, None, 1, "-") for text in texts], [INGREDIENTS])
    assert flags == ()
    assert [block.text for block in whole] == [
        *("500 g rye flour", "2 tsp salt", "1½ cups warm water (not hot)"),
        *texts[3:],
    ]


WORDS = st.sampled_from(
    ("salt", "rye", "flour", "water", "mix", "the", "bowl", "warm", "of", "2", "½", "cup", "and", "in", "塩", "水")
)
LINE = st.lists(WORDS, min_size=1, max_size=14).map(" ".join)
LISTS = st.builds(
    lambda kind, heading, lines: Statement(
        kind=kind, heading=heading, lines=tuple(lines), is_list=len(lines) > 1, is_ordered=False
    ),
    st.sampled_from(["Recipe.ingredients", "Recipe.instructions", "Article.body", "Question.answers"]),
    st.none() | LINE,
    st.lists(LINE, min_size=1, max_size=6),
)


def merged(blocks, added):
    """Returns the blocks of a text with what was added."""
    if any(addition.replaces for addition in added):
        blocks = []
    texts = list(blocks)
    for addition in reversed(added):
        texts[addition.place : addition.place] = [*filter(None, [addition.heading]), *addition.statement.lines]
    return texts


@settings(max_examples=60)
@given(st.lists(LISTS, max_size=4), st.lists(LINE, max_size=8), st.sets(st.integers(0, 7)))
def test_nothing_is_added_twice(statements, blocks, headings):
    levels = {index: 2 for index in headings if index < len(blocks)}
    added = additions(statements, blocks, levels)
    assert all(0 <= addition.place <= len(blocks) for addition in added)
    assert len({addition.statement for addition in added}) == len(added)
    if not any(addition.replaces for addition in added):
        assert additions([addition.statement for addition in added], merged(blocks, added), {}) == []


@settings(max_examples=60)
@given(st.lists(LISTS, max_size=4), st.lists(LINE, max_size=8))
def test_a_text_that_holds_all_statements_as_they_are_gets_none(statements, blocks):
    lines = [line for statement in statements for line in statement.lines]
    assert additions(statements, blocks + lines, {}) == []

"""Documents in other languages: from texts of the user's, or from those of the mini-web in German, French, Spanish."""

from collections.abc import Sequence

from curate.errors import SettingsError
from curate.miniweb.texts import read_site
from curate.planting.cutting import pieces, words_in
from curate.planting.reading import Clean, text_id
from curate.planting.slots import Seeded

SITES = ("weserblatt", "cuisine-du-port", "plaza-mayor")
PARAGRAPHS = (3, 8)  # of a document that is made of the mini-web's, drawn between these
FEWEST_WORDS = 40  # of a piece
OF_USER = "other"  # the kind of a document of the user's that states no language

Other = tuple[str, str]  # the language, and the text


def bundled(number: int, seeded: Seeded) -> list[Other]:
    """Returns documents of the mini-web's paragraphs in one language each; seeded: makes the generator of a key."""
    pools = [_pool(site) for site in SITES]
    made = []
    for place in range(number):
        draw = seeded(str(place))
        language, pool = pools[place % len(pools)]
        made.append((language, "\n".join(draw.sample(pool, draw.randint(*PARAGRAPHS)))))
    return made


def of_user(documents: Sequence[Clean], number: int, most: int) -> list[Other]:
    """Returns the first pieces of some documents, cut so that there are enough; each piece is taken once.

    most: words of a piece. SettingsError where the documents have too few words.
    """
    size = most
    while True:
        cut = [(document, text) for document in documents for text in pieces(document.text, size)]
        distinct = {text_id(text): (document.language or OF_USER, text) for document, text in cut}
        if len(distinct) >= number:
            break
        if size <= FEWEST_WORDS:
            words = sum(words_in(document.text) for document in documents)
            raise SettingsError(
                f"--other: its {words:,} words make {len(distinct):,} documents of up to {FEWEST_WORDS} words, and "
                f"{number:,} are needed; name more, or lower --other-language"
            )
        size = max(FEWEST_WORDS, size * 3 // 4)
    return [distinct[key] for key in sorted(distinct)[:number]]


def _pool(site: str) -> tuple[str, list[str]]:
    texts = read_site(site)
    return texts[0].language, [line for text in texts for line in text.prose.splitlines() if words_in(line) > 8]

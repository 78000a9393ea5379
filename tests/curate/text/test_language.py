"""Languages of texts, of those in upper case too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.language import identify, in_upper_case, probability

TEXTS = {
    "en": "The ferry left the old harbor at noon, and nobody on the deck said a word.",
    "de": "Der Leuchtturm steht am Meer, und das Wasser ist auch im Sommer kalt.",
    "fr": "Le bateau a quitté le vieux port à midi, et personne sur le pont ne disait un mot.",
    "sv": "Färjan lämnade den gamla hamnen vid middagstid, och ingen på däcket sade ett ord.",
    "ru": "Паром вышел из старой гавани в полдень, и никто на палубе не сказал ни слова.",
    "el": "Το πλοίο έφυγε από το παλιό λιμάνι το μεσημέρι και κανείς δεν είπε λέξη.",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_text_in_upper_case_is_identified_as_its_lower_case(language):
    upper = TEXTS[language].upper()
    assert identify(upper) == identify(upper.lower())
    assert identify(upper)[0] == language
    assert probability(upper, (language,)) == probability(upper.lower(), (language,))


@given(st.text(alphabet="ABCDEFGÄÉЖΣabc 12.\n", max_size=300))
def test_a_text_that_counts_as_upper_case_is_identified_as_its_lower_case(text):
    line = " ".join(text.split())
    if in_upper_case(line):
        assert identify(text) == identify(line.lower())


@pytest.mark.parametrize(
    "text",
    ["", "123 - 456", "NATO and the USA", "العربية NBA", "日本語 NHK", "Contact US", *TEXTS.values()],
)
def test_other_texts_do_not_count_as_upper_case(text):
    assert not in_upper_case(text)

"""Words by script: blanks where a script has them, ICU's dictionaries where it has none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.segmentation import split, splitter

# The beginning of the first article of the Universal Declaration of Human Rights.
VECTORS = {
    "zh": ("人人生而自由，在尊严和权利上一律平等。", "人 人生 而 自由 ， 在 尊严 和 权利 上 一律 平等 。"),
    "ja": ("人間は、生れながらにして自由であり", "人間 は 、 生れ ながら にし て 自由 で あり"),
    "th": ("มนุษย์ทั้งหลายเกิดมามีอิสระ", "มนุษย์ ทั้ง หลาย เกิด มา มี อิสระ"),
    "km": ("មនុស្សទាំងអស់ កើតមកមានសេរីភាព", "មនុស្ស ទាំងអស់ កើតមក មាន សេរីភាព"),
    "lo": ("ມະນຸດທຸກຄົນເກີດມາມີກຽດສັກສີ", "ມະນຸດ ທຸກຄົນ ເກີດ ມາ ມີ ກຽດສັກສີ"),
    "my": ("လူတိုင်းသည် တူညီ လွတ်လပ်သော", "လူ တိုင်း သည် တူညီ လွတ်လပ် သော"),
    "bo": ("འགྲོ་བ་མིའི", "འགྲོ ་ བ ་ མིའི"),
    "ko": ("모든 인간은 태어날 때부터 자유로우며", "모든 인간은 태어날 때부터 자유로우며"),
    "ru": ("Все люди рождаются свободными, и равными", "Все люди рождаются свободными, и равными"),
    "vi": ("Tất cả mọi người sinh ra đều được tự do", "Tất cả mọi người sinh ra đều được tự do"),
    "de": ("Kursiv: 自由 (Freiheit).", "Kursiv: 自由 (Freiheit)."),
}
SCRIPTS = "中文自由はがカナไทยມະမြန်ខ្មែរའགྲོ한국абв"

mixed = st.text(alphabet=SCRIPTS + "abc. ,1\n\u3000\u200b") | st.text()


@pytest.mark.parametrize("language", VECTORS)
def test_a_text_is_cut_by_its_script(language):
    text, words = VECTORS[language]
    assert split(text) == words.split()


@given(mixed)
def test_words_joined_are_the_text_without_blanks(text):
    assert "".join(split(text)) == "".join(text.split()).encode("utf-8", "replace").decode()
    assert "" not in split(text)


@given(st.text(alphabet="abcäßéабвλ한국. ,1\n", max_size=80))
def test_scripts_with_blanks_are_split_at_blanks_alone(text):
    assert split(text) == text.split()


@given(mixed)
def test_english_is_split_at_blanks_alone(text):
    assert splitter("en")(text) == text.split()


def test_lone_surrogates_are_no_fault():
    assert split("自由\ud800 a") == ["自由", "?", "a"]

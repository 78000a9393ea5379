"""The encoding of a page that names none is detected in most languages from a sentence or two."""

import random
import zipfile

import pytest

from curate.web.encoding import decode

PIECES = 40  # of each language, at each length
LANGUAGES = {  # the file of the Universal Declaration, its encoding in the archive, and those that its pages had
    "Bulgarian_Balgarski-UTF8": ("utf-8", "cp1251"),
    "Chinese_Mandarin-UTF8": ("utf-8", "gb18030", "big5"),
    "Farsi_Persian-UTF8": ("utf-8", "cp1256"),
    "French_Francais-Latin1": ("latin-1", "cp1252"),
    "German_Deutsch-Latin1": ("latin-1", "cp1252"),
    "Greek_Ellinika-UTF8": ("utf-8", "cp1253"),
    "Hebrew_Ivrit-UTF8": ("utf-8", "cp1255"),
    "Hungarian_Magyar-UTF8": ("utf-8", "cp1250", "iso8859_2"),
    "Icelandic_Yslenska-Latin1": ("latin-1", "cp1252"),
    "Italian_Italiano-Latin1": ("latin-1", "cp1252"),
    "Japanese_Nihongo-UTF8": ("utf-8", "cp932", "euc_jp"),
    "Korean_Hankuko-UTF8": ("utf-8", "cp949"),
    "Portuguese_Portugues-Latin1": ("latin-1", "cp1252"),
    "Russian_Russky-UTF8": ("utf-8", "cp1251", "koi8_r", "iso8859_5", "cp866"),
    "Spanish_Espanol-Latin1": ("latin-1", "cp1252"),
    "Turkish_Turkce-UTF8": ("utf-8", "cp1254"),
    "Ukrainian-UTF8": ("utf-8", "cp1251", "koi8_u"),
    "Croatian_Hrvatski-Latin2": ("cp1250", "cp1250"),
    "Polish_Polski-Latin2": ("cp1250", "cp1250", "iso8859_2"),
    "Romanian_Romana-Latin2": ("cp1250", "cp1250"),
    "Slovak_Slovencina-Latin2": ("cp1250", "cp1250"),
    "Slovenian_Slovenscina-Latin2": ("cp1250", "cp1250"),
    "Czech-UTF8": ("utf-8", "cp1250", "iso8859_2"),
}


@pytest.mark.parametrize(("length", "floor"), [(60, 0.96), (300, 0.99)])
def test_pieces_of_many_languages_are_read_without_a_name(length, floor, data):
    chance = random.Random(length)
    right = total = 0
    with zipfile.ZipFile(data("text") / "udhr.zip") as archive:
        for file, (own, *encodings) in LANGUAGES.items():
            text = " ".join(archive.read(f"udhr/{file}").decode(own, "ignore").split())
            for encoding in encodings:
                for _ in range(PIECES):
                    begin = chance.randrange(len(text) - length)
                    piece = text[begin : begin + length].encode(encoding, "ignore").decode(encoding)
                    page = f"<title>x</title><p>{piece}</p>"
                    right += decode(page.encode(encoding), "") == page
                    total += 1
    assert right >= floor * total, f"{right} of {total}"

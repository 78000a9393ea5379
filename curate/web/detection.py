"""Detects the encoding of bytes that nothing names rightly: by two detectors, and by the letters of some languages."""

import re
from collections.abc import Iterator

from resiliparse.parse.encoding import detect_encoding

from curate.web.charsets import CODECS, MULTIBYTE, decode_as, encoding_of

DETECTED = 1 << 14  # bytes by which it is detected: what is not ASCII, with its neighbours
WHOLE = 1 << 20  # bytes in which the words of a page are counted
BESIDE = 16  # ASCII bytes on either side of others that belong to their words
HIGH = re.compile(rb"[\x80-\xff]+")
DENSE = re.compile(rb"[\x80-\xff]+(?:[\x00-\x7f]{1,%d}[\x80-\xff]+)*" % BESIDE)
ALPHABETS = (  # an encoding, the letters of a language beyond ASCII, those of them that it must have, and how many
    ("cp1257", "ąčęėįšųūž", "ėųū", 5),
    ("cp1257", "āčēģīķļņšūž", "āēīū", 5),
    ("cp1250", "áéíóöőúüű", "őű", 5),
    ("cp1250", "čćđšž", "šž", 3),
)
LATIN = frozenset({"cp1250", "cp1254", "cp1257", "cp1258", "iso8859-2", "iso8859-4", "iso8859-13"})
MARKUP = re.compile(rb"<(script|style)[\s>].*?(?:</\1|\Z)|<[^<>]*>", re.S | re.I)
WORD = re.compile(r"[^\W\d_]{2,}")


def detected_encodings(body: bytes) -> Iterator[str]:
    """Yields the encodings that a body looks like, the likeliest first."""
    from chardetng_py.detector import EncodingDetector  # few pages need it

    words = _words(body)
    encoding = CODECS.get(name := detect_encoding(words) or "", name)
    if encoding in MULTIBYTE and _is_dense(words):  # the better judge of short Chinese; it does not know Korean
        yield encoding
    yield from _of_alphabet(words)
    detector = EncodingDetector()
    detector.feed(words, last=False)
    guess = detector.guess(tld=None, allow_utf8=False)
    encoding = encoding_of(guess) or CODECS.get(guess, guess)
    yield "cp1252" if _is_rare(body, encoding) else encoding


def _is_dense(words: bytes) -> bool:
    """Returns True where bytes beyond ASCII follow one another, as they do in encodings of two bytes, not in Europe."""
    runs = HIGH.findall(words)
    return sum(map(len, runs)) > 1.5 * len(runs)


def _of_alphabet(words: bytes) -> Iterator[str]:
    """Yields the encoding in which bytes hold letters of one language only, of those that the detector knows badly.

    It takes short Lithuanian for Icelandic, and Hungarian for a language of Western Europe.
    """
    for encoding, alphabet, sure, least in ALPHABETS:
        letters = {char for char in decode_as(words, encoding).lower() if char.isalpha() and not char.isascii()}
        if len(letters) >= least and letters <= {*alphabet} and letters & {*sure}:
            yield encoding


def _is_rare(body: bytes, encoding: str) -> bool:
    """Returns True where an encoding has letters of its own in hardly any word, as in English with fractions and signs.

    Of pages in the languages of these encodings a word in eight or more has such a letter.
    """
    if encoding in MULTIBYTE or encoding == "cp1252":
        return False
    words = WORD.findall(decode_as(MARKUP.sub(b" ", body[:WHOLE]), encoding))
    own = sum(not word.isascii() for word in words)
    return own * 20 < len(words) if encoding in LATIN else not own


def _words(body: bytes) -> bytes:
    """Returns the bytes of a body that are not ASCII, with their neighbours, up to DETECTED."""
    parts: list[bytes] = []
    size = 0
    for match in DENSE.finditer(body):
        part = body[max(0, match.start() - BESIDE) : match.end() + BESIDE]
        parts.append(part)
        size += len(part)
        if size > DETECTED:
            break
    return b" ".join(parts)[:DETECTED]

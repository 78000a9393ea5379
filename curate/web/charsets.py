"""Decodes bytes in an encoding of the Encoding Standard (WHATWG), by Python's codecs and what those lack of it.

A byte that an encoding lacks is U+FFFD, by the standard's rule of how many bytes that takes, and the rest is kept.
"""

import codecs
import re
from functools import cache

from resiliparse.parse.encoding import map_encoding_to_html5

MORE_LABELS = {  # beyond those of the library; two that browsers show nothing of are read all the same
    "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-ukrainian": "mac-cyrillic",
    "x-user-defined": "cp1252",
    "hz-gb-2312": "hz",
    "iso-2022-kr": "iso2022_kr",
    "csiso2022kr": "iso2022_kr",
}
CODECS = {  # Python's names of what browsers read under these
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "gbk": "gb18030",
    "iso8859-11": "cp874",
    "iso8859-8-i": "iso8859-8",
    "mac-cyrillic": "mac_cyrillic",
    "shift_jis": "cp932",
}
MULTIBYTE = frozenset({"big5hkscs", "cp949", "gb18030", "euc_jp", "cp932", "hz", "iso2022_kr"})
CELLS = {"koi8-u": {0xAE: "ў", 0xBE: "Ў"}, "cp1255": {0xCA: "\u05ba"}}  # which Python's tables have otherwise
# Characters that Python's codec gives where the standard has others: typographic marks of Japanese and Chinese, and
# for GB 18030 private code points that Unicode has characters for by now.
CHARACTERS = {
    "euc_jp": ("\u301c\u2016\u2212¢£¬", "～∥－￠￡￢"),
    "big5hkscs": ("\u2022\uff64\u203e\u223c\u2641\u2609¥¢£", "\u2027\ufe51\u00af～⊕⊙￥￠￡"),
    "cp932": ("\uf8f0\uf8f1\uf8f2\uf8f3", "\ufffd" * 4),
    "gb18030": (
        "\ue5e5\ue78d\ue78e\ue78f\ue790\ue791\ue792\ue793\ue794\ue795\ue796\ue7c7"
        "\ue81e\ue826\ue82b\ue82c\ue832\ue843\ue854\ue864",
        "\u3000︐︒︑︓︔︕︖︗︘︙ḿ龴龵龶龷龸龹龺龻",
    ),
}
LEADS = range(0x81, 0xFF)  # bytes that begin a character of two or more
EUC_JP_LEADS = (0x8E, 0x8F, *range(0xA1, 0xFF))
BIG5_MORE = (  # codes of HKSCS-2008 and of older sets that Python lacks, each with its character
    "877a㡵877b𡵓877c𣚞877d𦀡877e㻬87a1𥣞87a2㫵87a3竼87a4龗87a5𤅡87a6𨤍87a7𣇪87a8𠪊87a9𣉞87aa䌊87ab蒄87ac龖87ad鐯87ae䤰87af蘓87b0墖87b1靊"
    "87b2鈘87b3秐87b4稲87b5晠87b6権87b7袝87b8瑌87b9篅87ba枂87bb稬87bc剏87bd遆87be㓦87bf珄87c0𥶹87c1瓆87c2鿇87c3垳87c4䤯87c5呌87c6䄱87c7𣚎"
    "87c8堘87c9穲87ca𧭥87cb讏87cc䚮87cd𦺈87ce䆁87cf𥶙87d0箮87d1𢒼87d2鿈87d3𢓁87d4𢓉87d5𢓌87d6鿉87d7蔄87d8𣖻87d9䂴87da鿊87db䓡87dc𪷿87dd拁"
    "87de灮87df鿋8e69箸8e6f簆8e7e糎8eab緒8eb4縝8ecd者8ed0耨8f57菁8f69蒨8f6e萏8fcb覦8fcc覩8ffe起906d都907a銹90dc靜90f1響91bf鼖9244蔃92af兙"
    "92b0兛92b1兝92b2兞92c8鍮92d1瑹9447浧94ca禛95d9邗9644靝96ed瀞96fc嬨9b76爁9b78矗9b7b纇9bc6駖9bde釔9bec惞9bf6澶9c42輶9c53侻9c62營9c68鄄"
    "9c6b鷰9c77菏9cbc尐9cbd秣9cd0婧9d57輋9d5a筑9dc4拐9ea9恢9eef痹9efd汊9f60鬮9f66鼗9fcb僭9fd8弌a063蠏a077拎a0d5瑨a0df煢a0e4牐a3c0␀a3c1␁"
    "a3c2␂a3c3␃a3c4␄a3c5␅a3c6␆a3c7␇a3c8␈a3c9␉a3ca␊a3cb␋a3cc␌a3cd␍a3ce␎a3cf␏a3d0␐a3d1␑a3d2␒a3d3␓a3d4␔a3d5␕a3d6␖a3d7␗"
    "a3d8␘a3d9␙a3da␚a3db␛a3dc␜a3dd␝a3de␞a3df␟a3e0␡fa5f倩fa66偽fabd包fac5卄fad5卿fb48嘅fbb8婷fbf3幵fbf9廐fc4f彘fc6c悤fcb9撐fce2晴"
    "fcf1杞fdb7沜fdb8渝fdbb港fdf1煮fe52猪fe6f瑜feaa瓩fedd砉"
)
DIGITS = range(0x30, 0x3A)
FOUR = (LEADS, DIGITS, LEADS, DIGITS)  # the bytes of a character of four in GB 18030
ESCAPE = re.compile(rb"(\x1b(?:\([BJI]|\$[@B]))")  # of ISO-2022-JP
LINE = re.compile(rb"(?=[\r\n])")
HIGH = bytes(byte | 0x80 if 0x21 <= byte < 0x7F else byte for byte in range(256))
ROMAN = str.maketrans("\\~", "¥‾")
REPLACE = "curate.web"  # the error handler


def encoding_of(label: str) -> str:
    """Returns the name under which an encoding is decoded here, '' for a label that the standard lacks.

    >>> encoding_of(" Latin1 "), encoding_of("ks_c_5601-1987"), encoding_of("utf8"), encoding_of("martian")
    ('cp1252', 'cp949', 'utf-8', '')
    """
    label = label.strip("\t\n\f\r ").lower()
    name = MORE_LABELS.get(label) or map_encoding_to_html5(label, fallback_utf8=False) or ""
    return CODECS.get(name, name)


def decode_as(body: bytes, encoding: str) -> str:
    """Returns the text of a body in an encoding of `encoding_of`; what that lacks is U+FFFD."""
    if encoding.startswith("utf-"):
        return body.decode(encoding, "replace")
    if encoding == "iso2022_jp":
        return _iso_2022_jp(body)
    if encoding not in MULTIBYTE:
        return codecs.charmap_decode(body, "strict", _table(encoding))[0]
    text = body.decode(encoding, _handler())
    for character, other in zip(*CHARACTERS.get(encoding, ("", "")), strict=True):
        text = text.replace(character, other)
    return text


@cache
def _table(encoding: str) -> str:
    """Returns the 256 characters of a single-byte encoding; as in browsers, it lacks none of the controls to 9F."""
    cells = CELLS.get(encoding, {})
    text = (bytes((byte,)).decode(encoding, "replace") for byte in range(256))
    pairs = enumerate(text)
    return "".join(cells.get(byte) or (chr(byte) if char == "\ufffd" and byte < 0xA0 else char) for byte, char in pairs)


def _iso_2022_jp(body: bytes) -> str:
    """Returns the text of ISO-2022-JP with half-width katakana and the rows of vendors; a line ends in ASCII."""
    first, *rest = ESCAPE.split(body)
    parts = [first.decode("ascii", "replace")]
    for escape, segment in zip(rest[::2], rest[1::2], strict=True):
        line, *others = LINE.split(segment, maxsplit=1)
        if escape[1:2] == b"$":
            parts.append(decode_as(line.translate(HIGH), "euc_jp"))
        elif escape == b"\x1b(I":
            parts.append(decode_as(line.translate(HIGH), "cp932"))
        else:
            text = line.decode("ascii", "replace")
            parts.append(text.translate(ROMAN) if escape == b"\x1b(J" else text)
        parts.extend(other.decode("ascii", "replace") for other in others)
    return "".join(parts)


@cache
def _handler() -> str:
    """Registers the error handler once, and returns its name."""
    codecs.register_error(REPLACE, _mend)
    return REPLACE


def _mend(error: UnicodeError) -> tuple[str, int]:
    """Returns what stands for bytes that a codec lacks, and the offset at which decoding goes on."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    body, start, encoding = error.object, error.start, error.encoding
    if encoding == "gb18030" and body[start] == 0x80:
        return "€", start + 1
    if character := _character(body[start : start + 2], encoding):
        return character, start + 2
    return "\ufffd", start + _length(body[start : start + 4], encoding)


def _character(pair: bytes, encoding: str) -> str:
    """Returns the character of two bytes that Python's codec of an encoding lacks, '' if the standard lacks it too."""
    if encoding == "big5hkscs":
        return _big5_more().get(pair) or _strict(pair, "cp950")
    if encoding == "euc_jp" and len(pair) == 2 and min(pair) >= 0xA1 and max(pair) < 0xFF:
        # Shift_JIS packs the same rows
        lead, trail = divmod((pair[0] - 0xA1) * 94 + pair[1] - 0xA1, 188)
        return _strict(bytes((lead + (0x81 if lead < 31 else 0xC1), trail + (0x40 if trail < 63 else 0x41))), "cp932")
    return ""


def _length(rest: bytes, encoding: str) -> int:
    """Returns how many bytes one U+FFFD stands for: an ASCII byte behind a wrong one is kept.

    rest: four bytes from the wrong one on, fewer at the end.
    """
    if rest[0] not in (EUC_JP_LEADS if encoding == "euc_jp" else LEADS) or len(rest) == 1:
        return 1
    if encoding == "gb18030" and rest[1] in DIGITS:  # a code point of four bytes that none has, or that the end cuts
        return len(rest) if all(byte in places for byte, places in zip(rest, FOUR, strict=False)) else 1
    if rest[1] < 0x80:
        return 1
    if encoding == "euc_jp" and rest[0] == 0x8F and 0xA1 <= rest[1] < 0xFF and rest[2:3] >= b"\x80":
        return 3
    return 2


def _strict(body: bytes, encoding: str) -> str:
    """Returns the text of a body, '' where the codec lacks any of it."""
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        return ""


@cache
def _big5_more() -> dict[bytes, str]:
    """Returns the characters of `BIG5_MORE` by their two bytes."""
    return {bytes.fromhex(BIG5_MORE[at : at + 4]): BIG5_MORE[at + 4] for at in range(0, len(BIG5_MORE), 5)}

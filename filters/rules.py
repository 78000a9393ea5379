"""Thresholds of the rules in `curate.filters`, with the defaults that their papers publish.

They live here, apart from the functions that use them, so that a recipe can hold them without importing any filter.
"""

import re
from dataclasses import dataclass

# Extensions that never hold a text page, matched on the path alone (openwebtext's list, regrouped).
# fmt: off
MEDIA_EXTENSIONS = (
    ".7z", ".aac", ".apk", ".avi", ".bin", ".bmp", ".bz2", ".css", ".deb", ".dmg", ".doc", ".docx", ".eps", ".exe",
    ".flac", ".flv", ".gif", ".gifv", ".gz", ".ico", ".iso", ".jar", ".jpeg", ".jpg", ".js", ".json", ".m4a",
    ".m4v", ".mid", ".mkv", ".mov", ".mp3", ".mp4", ".mpeg", ".mpg", ".msi", ".ogg", ".otf", ".pdf", ".png",
    ".ppt", ".pptx", ".ps", ".psd", ".rar", ".rm", ".rpm", ".rss", ".svg", ".swf", ".tar", ".tgz", ".tif", ".tiff",
    ".torrent", ".ttf", ".wav", ".webm", ".webp", ".wma", ".wmv", ".woff", ".woff2", ".xls", ".xlsx", ".xml",
    ".xz", ".zip",
)
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlRules:
    """Which addresses are refused; a domain refuses its sub-domains too (label by label, case-folded)."""

    schemes: tuple[str, ...] = ("http", "https")
    domains: tuple[str, ...] = ()
    extensions: tuple[str, ...] = MEDIA_EXTENSIONS
    max_length: int = 2048

    def __post_init__(self) -> None:
        wrong = [name for name in self.domains if not re.fullmatch(r"[^\s/:@]+", name)]
        if wrong:
            raise ValueError(f"domains holds bare host names, not {wrong[0]!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MimeRules:
    """Media types that may become documents."""

    allowed: tuple[str, ...] = ("text/html", "application/xhtml+xml", "text/plain")


# What lid.176 can answer: ISO 639-1 codes, and 639-3 or Wikipedia's where there is none.
# fmt: off
LANGUAGES = frozenset((
    " af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb co cs cv cy"
    " da de diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he hi hif hr hsb ht hu hy"
    " ia id ie ilo io is it ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li lmo lo lrc lt lv mai mg mhr"
    " min mk ml mn mr mrj ms mt mwl my myv mzn nah nap nds ne new nl nn no oc or os pa pam pfl pl pms pnb ps pt"
    " qu rm ro ru rue sa sah sc scn sco sd sh si sk sl so sq sr su sv sw ta te tg th tk tl tr tt tyv ug uk ur uz"
    " vec vep vi vls vo wa war wuu xal xmf yi yo yue zh"
).split())
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageRules:
    """Languages kept, by lid.176's codes; FineWeb asks 0.65 (arXiv:2406.17557). An empty list keeps all."""

    allowed: tuple[str, ...] = ("en",)
    min_score: float = 0.65

    def __post_init__(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score lies in [0, 1], got {self.min_score}")
        for code in self.allowed:
            if code not in LANGUAGES:
                near = [known for known in LANGUAGES if known == code[:2].lower()]
                mend = f"did you mean {near[0]!r}?" if near else "it takes codes such as 'en'"
                raise ValueError(f"allowed: lid.176 knows no language {code!r}; {mend}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GopherQuality:
    """Document rules of Gopher (Rae et al. 2021, arXiv:2112.11446, section A1.1)."""

    min_words: int = 50
    max_words: int = 100_000
    min_mean_word_length: float = 3.0
    max_mean_word_length: float = 10.0
    max_symbol_word_ratio: float = 0.1
    max_bullet_lines: float = 0.9
    max_ellipsis_lines: float = 0.3
    min_alphabetic_words: float = 0.8
    min_stop_words: int = 2
    stop_words: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")


@dataclass(frozen=True, slots=True, kw_only=True)
class GopherRepetition:
    """Repetition rules of Gopher (arXiv:2112.11446, Table A1); fractions of lines, paragraphs and characters.

    top_ngram_chars is for n = 2, 3, 4; duplicate_ngram_chars for n = 5 to 10. ngram_copies says which occurrences of a
    repeated n-gram count: "later" those after the first, as for lines (datatrove, FineWeb), "all" each of them (DCLM,
    RedPajama-v2); the paper can be read both ways.
    """

    ngram_copies: str = "later"

    max_duplicate_lines: float = 0.30
    max_duplicate_paragraphs: float = 0.30
    max_duplicate_line_chars: float = 0.20
    max_duplicate_paragraph_chars: float = 0.20
    max_top_ngram_chars: tuple[float, ...] = (0.20, 0.18, 0.16)
    max_duplicate_ngram_chars: tuple[float, ...] = (0.15, 0.14, 0.13, 0.12, 0.11, 0.10)

    def __post_init__(self) -> None:
        if self.ngram_copies not in ("later", "all"):
            raise ValueError(f"ngram_copies is 'later' or 'all', got {self.ngram_copies!r}")
        if len(self.max_top_ngram_chars) != 3 or len(self.max_duplicate_ngram_chars) != 6:
            raise ValueError("max_top_ngram_chars takes 3 limits (n = 2-4), max_duplicate_ngram_chars 6 (n = 5-10)")


@dataclass(frozen=True, slots=True, kw_only=True)
class C4:
    """C4's rules (Raffel et al. 2020, arXiv:1910.10683, section 2.2) and the numbers of its code (TensorFlow Datasets).

    An empty end_marks keeps lines however they end.
    """

    end_marks: tuple[str, ...] = (".", "?", "!", '"')
    min_line_words: int = 5
    max_word_length: int = 1000
    citations: bool = True
    javascript: bool = True
    policy_phrases: tuple[str, ...] = (
        "terms of use",
        "privacy policy",
        "cookie policy",
        "uses cookies",
        "use of cookies",
        "use cookies",
    )
    lorem_ipsum: bool = True
    curly_bracket: bool = True
    min_sentences: int = 3
    max_chars: int = 190_000

    def __post_init__(self) -> None:
        if self.min_sentences < 1:
            raise ValueError(f"min_sentences is at least 1, so that no page ends empty, got {self.min_sentences}")
        if wrong := [phrase for phrase in self.policy_phrases if phrase != phrase.lower() or not phrase.strip()]:
            raise ValueError(f"policy_phrases are looked for in lower case, so {wrong[0]!r} would never be met")


@dataclass(frozen=True, slots=True, kw_only=True)
class C4FineWeb(C4):
    """C4's rules as FineWeb ran them (arXiv:2406.17557): any line end, datatrove's numbers (5 and 3 swapped)."""

    end_marks: tuple[str, ...] = ()
    min_line_words: int = 3
    min_sentences: int = 5
    max_chars: int = 2**63 - 1  # no limit


RULES = ("url", "mime", "language", "gopher_quality", "gopher_repetition", "c4", "c4_fineweb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The rules that a source's documents must pass, in this order; the first that fails names the reason."""

    rules: tuple[str, ...] = ("url", "mime", "language", "gopher_quality", "gopher_repetition")
    url: UrlRules = UrlRules()
    mime: MimeRules = MimeRules()
    language: LanguageRules = LanguageRules()
    gopher_quality: GopherQuality = GopherQuality()
    gopher_repetition: GopherRepetition = GopherRepetition()
    c4: C4 = C4()
    c4_fineweb: C4FineWeb = C4FineWeb()

    def __post_init__(self) -> None:
        unknown = [rule for rule in self.rules if rule not in RULES]
        if unknown:
            raise ValueError(f"no rule is called {unknown[0]!r}; the rules are {', '.join(RULES)}")

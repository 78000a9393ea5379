"""The rule on languages: fastText's lid.176 names a text's language, with the least score that FineWeb asks of it."""

from dataclasses import dataclass, replace

from curate.filters.judged import Judged, Outcome
from curate.records import Document, Reason
from curate.text.language import identify

# The codes that lid.176 gives: ISO 639-1, and where that has none, ISO 639-3 or Wikipedia's.
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
    """The languages whose documents are kept."""

    allowed: tuple[str, ...] = ("en",)  # lid.176's codes; an empty list keeps all languages
    min_score: float = 0.65  # least probability, in [0, 1], as FineWeb asks it (arXiv:2406.17557)

    def __post_init__(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score lies in [0, 1], got {self.min_score}")
        for code in self.allowed:
            if code not in LANGUAGES:
                short = code[:2].lower()
                mend = f"did you mean {short!r}?" if short in LANGUAGES else "it takes codes such as 'en'"
                raise ValueError(f"allowed: lid.176 knows no language {code!r}; {mend}")


def judge_language(document: Document, rules: LanguageRules) -> Outcome:
    """Returns why the document's language is refused, or None.

    Where extract has not identified the language, it is identified here, and the document returned names it.
    """
    if document.language is not None and document.language_score is not None:
        return reason(document.language, document.language_score, rules)
    language, score = identify(document.text)
    identified = replace(document, language=language, language_score=score)
    return Judged(identified, reason(language, score, rules), {})


def reason(language: str, score: float, rules: LanguageRules) -> Reason | None:
    """Returns why a document in this language, identified with this score in [0, 1], is refused, or None.

    >>> reason("fr", 0.9, LanguageRules()).rule
    'language.other'
    """
    if not rules.allowed:
        return None
    if language not in rules.allowed:
        return Reason("language.other", score, rules.min_score, language)
    if score < rules.min_score:
        return Reason("language.score", score, rules.min_score, language)
    return None

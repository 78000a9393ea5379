"""Languages kept, by the code and score that an identifier gave; FineWeb asks 0.65 of lid.176 (arXiv:2406.17557)."""

from dataclasses import dataclass, replace

from curate.filters.judged import Judged, Outcome
from curate.records import Document, Reason
from curate.text.language import identify

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


def judge_language(document: Document, rules: LanguageRules) -> Outcome:
    """Returns why the document's language is refused, or None; identifies the language where extract has not."""
    if document.language is not None and document.language_score is not None:
        return reason(document.language, document.language_score, rules)
    language, score = identify(document.text)
    identified = replace(document, language=language, language_score=score)
    return Judged(identified, reason(language, score, rules), {})


def reason(language: str, score: float, rules: LanguageRules) -> Reason | None:
    """Why a document in this language, of this score in [0, 1], is refused, or None; an empty list keeps all.

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

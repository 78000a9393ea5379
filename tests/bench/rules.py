"""The variants "datatrove" of the rules beside datatrove's own filters: the same verdicts, and documents per second.

    python tests/bench/rules.py DOCS… [--documents 1000] [--peers .venv-peers/bin/python] [--rounds 3]

DOCS are folders of stages or files of documents, as `curate filter` takes them. Each filter judges every document, not
only those that the filters before it keep, and both sides give the name of the first rule that a text breaks; of C4
the text that is left, too. `make bench-peers` makes datatrove's environment. It exits with 1 where a verdict differs.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
GRAMS = {f"duplicate_{n}_gram": f"duplicated_{n}_n_grams" for n in range(5, 11)}
NAMES = {  # our rule's name, and datatrove's
    "gopher_repetition": GRAMS
    | {f"top_{n}_gram": f"top_{n}_gram" for n in (2, 3, 4)}
    | {
        "empty": "empty",
        "duplicate_lines": "dup_line_frac",
        "duplicate_paragraphs": "dup_para_frac",
        "duplicate_line_chars": "dup_line_char_frac",
        "duplicate_paragraph_chars": "dup_para_char_frac",
    },
    "gopher_quality": {
        "too_few_words": "gopher_short_doc",
        "too_many_words": "gopher_long_doc",
        "symbol_word_ratio:#": "gopher_too_many_hashes",
        "symbol_word_ratio:...": "gopher_too_many_ellipsis",
        "bullet_lines": "gopher_too_many_bullets",
        "ellipsis_lines": "gopher_too_many_end_ellipsis",
        "alphabetic_words": "gopher_below_alpha_threshold",
        "stop_words": "gopher_enough_stop_words",
    },
    "c4": {name: name for name in ("lorem_ipsum", "curly_bracket", "too_few_sentences")},
    "fineweb": {
        "empty": "empty",
        "ended_lines": "line_punct_ratio",
        "short_lines": "short_line_ratio",
        "duplicate_line_chars": "char_dup_ratio",
        "newlines": "list_ratio",
    },
}


def peer_verdicts(path: Path) -> tuple[list[dict[str, str]], float]:
    """The verdicts of datatrove's filters on texts, and the seconds that they took; run by its own Python."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    filters = {
        "gopher_repetition": GopherRepetitionFilter(),
        "gopher_quality": GopherQualityFilter(),
        "c4": C4QualityFilter(),
        "fineweb": FineWebQualityFilter(),
    }
    texts = json.loads(path.read_text(encoding="utf-8"))
    for judge in filters.values():
        judge.filter(Document(text="It is warm. It is not cold today.", id="0"))
    verdicts = []
    started = time.process_time()
    for text in texts:
        verdict = {}
        for name, judge in filters.items():
            document = Document(text=text, id="0")
            answer = judge.filter(document)
            verdict[name] = answer[1] if isinstance(answer, tuple) else ""
            if name == "c4" and not verdict[name]:
                verdict["c4 text"] = digest(document.text)
        verdicts.append(verdict)
    return verdicts, time.process_time() - started


def our_verdicts(texts: list[str], signals: bool = False) -> tuple[list[dict[str, str]], float]:
    """The same of our rules, under datatrove's names; signals: also the values behind the first broken one."""
    from curate.filters.rules import Filter, judge, variants_of
    from curate.filters.signals.measuring import measured
    from curate.records import EPOCH, Document

    filters = {name: Filter(rules=(name,), signals=signals, **{name: variants_of(name)["datatrove"]}) for name in NAMES}
    documents = [Document(id=bytes(16), url="", timestamp=EPOCH, source="web", text=text) for text in texts]
    judges = {
        name: (lambda document, own=own: measured(document, own).judged if signals else judge(document, own))
        for name, own in filters.items()
    }
    for apply in judges.values():
        apply(documents[0])
    verdicts = []
    started = time.process_time()
    for document in documents:
        verdict = {}
        for name, apply in judges.items():
            judged = apply(document)
            verdict[name] = their_name(name, judged.reason) if judged.reason else ""
            if name == "c4" and not verdict[name]:
                verdict["c4 text"] = digest(judged.document.text)
        verdicts.append(verdict)
    return verdicts, time.process_time() - started


def their_name(family, reason) -> str:
    """Returns datatrove's name of our reason."""
    rule = reason.rule.removeprefix(f"{family}.")
    if rule == "mean_word_length":
        return f"gopher_{'below' if reason.value < reason.threshold else 'above'}_avg_threshold"
    return NAMES[family].get(f"{rule}:{reason.detail}") or NAMES[family][rule]


def digest(text: str) -> str:
    """Returns a short digest of a text."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def texts_of(inputs: list[str], most: int) -> list[str]:
    """Returns the first texts of some documents."""
    from curate.inputs.columns import resolved
    from curate.inputs.digests import Digests
    from curate.inputs.documents import read_documents
    from curate.inputs.items import named_items
    from curate.records import Document
    from curate.stage.plan import Plan

    with TemporaryDirectory() as folder:
        items = resolved(named_items(tuple(inputs), Path(folder), Digests(), "web"), {}, print)
        plan = Plan(stage="filter", folder=Path(folder), settings={}, items=tuple(items))
        documents = (document for item in items for document in read_documents(plan, item))
        texts = (document.text for document in documents if isinstance(document, Document))
        return [text for text, _ in zip(texts, range(most), strict=False)]


def compare(chosen: argparse.Namespace) -> int:
    """Judge on both sides, in turns; print where they differ and how fast they are."""
    texts = texts_of(chosen.inputs, chosen.documents)
    ours, theirs, their_seconds = [], [], []
    our_seconds: dict[bool, list[float]] = {False: [], True: []}
    with TemporaryDirectory() as folder:
        path, answer = Path(folder) / "texts.json", Path(folder) / "verdicts.json"
        path.write_text(json.dumps(texts), encoding="utf-8")
        for _ in range(chosen.rounds):
            subprocess.run([chosen.peers, __file__, "--peer", path, answer], check=True)
            theirs, seconds = json.loads(answer.read_text())
            their_seconds.append(seconds)
            for signals, times in our_seconds.items():
                verdicts, seconds = our_verdicts(texts, signals)
                times.append(seconds)
                ours.append(verdicts)
    differing = Counter(
        name
        for verdicts in ours[-2:]
        for one, other in zip(verdicts, theirs, strict=True)
        for name in other
        if one.get(name) != other[name]
    )
    for name in NAMES:
        rejected = sum(bool(verdict[name]) for verdict in theirs)
        print(f"{name:<18} {len(texts):,} documents, {rejected:,} rejected by datatrove, {differing[name]:,} differ")
    for number, (one, other) in enumerate(zip(ours[-1], theirs, strict=True)):
        if one != other:
            print(f"document {number}: curate {one}, datatrove {other}: {texts[number][:80]!r}")
    slow = len(texts) / median(their_seconds)
    print(f"datatrove: {slow:,.0f} documents per CPU second")
    for signals, times in our_seconds.items():
        fast = len(texts) / median(times)
        print(f"curate, {'every signal' if signals else 'verdicts'}: {fast:,.0f}, {fast / slow:.1f} times as fast")
    return int(bool(differing))


def main() -> None:
    """Run one of both sides."""
    if sys.argv[1:2] == ["--peer"]:
        Path(sys.argv[3]).write_text(json.dumps(peer_verdicts(Path(sys.argv[2]))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", nargs="+", metavar="DOCS")
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--peers", default=str(ROOT / ".venv-peers/bin/python"))
    parser.add_argument("--rounds", type=int, default=3)
    sys.exit(compare(parser.parse_args()))


if __name__ == "__main__":
    main()

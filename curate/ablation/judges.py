"""The judges: texts and items that are read, cleared of what an arm holds, and fixed, before a model is trained.

A document is left out where it comes from a host that an arm has documents of, or where a run of 13 words of it stands
in a document of an arm: for all arms alike, so that they are measured on the same text.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate import storage
from curate.ablation.arms import Data, check_tokenizer, documents_of, recipe_of, run_recipe
from curate.ablation.config import SPLITS, Ablation, Judge
from curate.ablation.grams import Wanted
from curate.dataset import manifest as manifests
from curate.errors import SettingsError
from curate.evaluate import tasks
from curate.inputs.columns import resolved, unheard
from curate.inputs.digests import Digests
from curate.inputs.items import source_items
from curate.inputs.own import user_documents
from curate.loader.streams import manifest_file
from curate.records import Document as OwnDocument
from curate.records import Failure, keyed_hash
from curate.storage.writing import replacing
from curate.tokens import load
from curate.web.urls import host_of

if TYPE_CHECKING:
    from curate.evaluate.config import Task
    from curate.pipelines.engines.engine import Engine

MADE = "judges"  # the folder of all judges in that of an ablation
SEED = 0  # by which a limit draws documents, and demonstrations of a task are drawn
REASONS = ("host", "words", "limit", "unread")  # why a document is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A document, or what an item of a task shows with its right answer."""

    text: str
    host: str = ""
    number: int = 0  # of the item in its task


@dataclass(slots=True)
class Read:
    """The texts of a judge before any is left out."""

    texts: list[Text] = field(default_factory=list)
    unread: int = 0  # rows and files that hold none
    example: str = ""  # the first of these, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A judge whose texts are fixed."""

    name: str
    judge: Judge
    documents: int
    bytes: int  # of text in UTF-8
    tokens: int
    sha256: str  # of the texts
    left_out: Mapping[str, int]  # documents by reason, REASONS
    items: tuple[int, ...] = ()  # of a task: the numbers of those that are left
    task_sha256: str = ""  # of a task: its wording, its items with all choices, and its demonstrations

    def file(self, out: Path) -> Path:
        """Returns the file of its texts."""
        return out / MADE / f"{self.name}.jsonl"

    @property
    def key(self) -> str:
        """Returns the digest of all that a model's numbers depend on."""
        settings = [getattr(self.judge, name) for name in ("task", "data", "shots", "stride")]
        content = json.dumps([settings, self.sha256, self.items, self.task_sha256])
        return hashlib.sha256(content.encode()).hexdigest()

    def record(self) -> dict[str, Any]:
        """Returns what the result states of it."""
        facts = {name: getattr(self, name) for name in ("documents", "bytes", "tokens", "sha256")}
        return {**facts, "left_out": dict(self.left_out), "measure": self.judge.measure}


def read_all(ablation: Ablation, out: Path, encoding: str, engine: "Engine", *, replacing: bool) -> dict[str, Read]:
    """Returns the texts of every judge by name; recipes are run where a judge has one."""
    read = {}
    for name, judge in ablation.judges.items():
        if judge.recipe is not None or judge.arm is not None:
            engine.progress.say(f"judge     {name}: recipe of {judge.arm or judge.recipe}")
            made = _recipe(ablation, judge, encoding)
            manifest = run_recipe(made, out / MADE / name, engine, replacing=replacing)
            read[name] = Read([*_of_manifest(name, manifest, SPLITS["all"], encoding)])
        elif judge.manifest is not None:
            manifest = manifest_file(Path(judge.manifest))
            read[name] = Read([*_of_manifest(name, manifest, SPLITS[judge.split], encoding)])
        elif judge.task is not None:
            read[name] = Read([*_of_task(judge)])
        else:
            read[name] = own = _of_files(name, judge)
            if own.unread:
                engine.progress.say(f"warning   judge {name}: {own.unread} unread, the first is {own.example}")
    return read


def check(ablation: Ablation, encoding: str) -> None:
    """Raises SettingsError where a judge's file, task or recipe is missing or cannot be used; reads no text."""
    for name, judge in ablation.judges.items():
        try:
            if judge.recipe is not None or judge.arm is not None:
                _recipe(ablation, judge, encoding)
            elif judge.manifest is not None:
                contract = manifests.read(Path(judge.manifest))
                expected = load.load(encoding).stated()
                check_tokenizer(load.stated_in(contract), expected, str(judge.manifest))
            elif judge.task is not None:
                task_of(judge)
            else:
                _items(name, judge)
        except SettingsError as error:
            raise SettingsError(f"judge {name}: {error}") from None


def _recipe(ablation: Ablation, judge: Judge, encoding: str) -> Any:
    """Returns the recipe of a judge: its own, or that of an arm with the judge's inputs."""
    given = ablation.arms[judge.arm] if judge.arm else judge
    return recipe_of(given, encoding, inputs=judge.inputs)


def task_of(judge: Judge) -> "Task":
    """Returns the task of a judge."""
    assert judge.task is not None
    task = tasks.read_task(judge.task, Path(judge.data) if judge.data else None)
    if judge.measure == "bits" and task.form == "generate":
        raise SettingsError(f'task {task.name}: its answers are written freely; set measure = "accuracy"')
    return task


def fixed_task(judge: Judge) -> str:
    """Returns the digest of a task: its wording, its items with all choices, and its demonstrations."""
    from curate.evaluate import evaluation

    content = json.dumps(evaluation.facts(task_of(judge)), sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def _of_manifest(name: str, manifest: Path, splits: tuple[str, ...], encoding: str) -> Iterator[Text]:
    contract = manifests.read(manifest)
    check_tokenizer(load.stated_in(contract), load.load(encoding).stated(), f"judge {name}: {manifest}")
    for document in documents_of(manifest, splits):
        yield Text(text=document.text or "", host=_host(document.domain))


def _of_task(judge: Judge) -> Iterator[Text]:
    for item in tasks.items(task_of(judge), 0, SEED):
        context, completion = item.pairs[item.gold if item.contexts else 0][0], item.choices[item.gold]
        yield Text(text=context + completion, number=item.number)


def _items(name: str, judge: Judge) -> list[Any]:
    """Returns the files of a judge's documents."""
    items = source_items({name: judge.documents}, Digests())
    for item in items:
        if item.form != "documents":
            mend = "name documents, or give recipe and inputs for pages"
            raise SettingsError(f"judge {name}: {item.uri}: no file of documents; {mend}")
    return resolved(items, {}, unheard)


def _of_files(name: str, judge: Judge) -> Read:
    """Returns the documents of files; what cannot be read is counted."""
    read = Read()
    for item in _items(name, judge):
        for row in user_documents(storage.path(item.uri), item, "ablate", others=False):
            if isinstance(row, OwnDocument):
                read.texts.append(Text(text=row.text, host=_host(host_of(row.url)) if row.url else ""))
            elif isinstance(row, Failure):
                read.unread += row.length
                read.example = read.example or f"{item.uri}, row {row.offset}: {row.message}"
    return read


def _host(host: str) -> str:
    return host.removeprefix("www.")


def fix(
    ablation: Ablation, read: Mapping[str, Read], data: Mapping[str, Data], out: Path, encoding: str
) -> dict[str, Fixed]:
    """Leaves out what an arm holds, writes the texts that are left, and returns the judges by name.

    Raises SettingsError where a judge keeps less than it has to.
    """
    dropped = _left_out(ablation, read, data)
    tokenizer = load.load(encoding)
    fixed = {}
    for name, judge in ablation.judges.items():
        texts = read[name].texts
        left = [text for number, text in enumerate(texts) if (name, number) not in dropped]
        drawn = drawn_within(left, judge)
        counts = Counter(dropped[name, number] for number in range(len(texts)) if (name, number) in dropped)
        counts.update(limit=len(left) - len(drawn), unread=read[name].unread)
        size = sum(len(text.text.encode("utf-8", "replace")) for text in drawn)
        _check_rest(name, judge, len(texts), len(drawn), size, counts)
        made = Fixed(
            name=name,
            judge=judge,
            documents=len(drawn),
            bytes=size,
            tokens=sum(len(tokenizer.ordinary(text.text)) + 1 for text in drawn),
            sha256=digest_of(text.text for text in drawn),
            left_out={reason: counts[reason] for reason in REASONS},
            items=tuple(text.number for text in drawn) if judge.task is not None else (),
            task_sha256=fixed_task(judge) if judge.task is not None else "",
        )
        _write(made.file(out), drawn)
        fixed[name] = made
    return fixed


def _left_out(ablation: Ablation, read: Mapping[str, Read], data: Mapping[str, Data]) -> dict[tuple[str, int], str]:
    """Returns the reason of each document that an arm holds, by its judge and its number."""
    places = [(name, number) for name, own in read.items() for number in range(len(own.texts))]
    texts = [read[name].texts[number] for name, number in places]
    judges = [ablation.judges[name] for name, _ in places]
    wanted = Wanted([text.text for text in texts], [judge.common for judge in judges])
    reasons: dict[tuple[str, int], str] = {}
    hosts: set[str] = set()
    for own in data.values():
        shared = wanted.shared_with(_texts_of(own, hosts))
        reasons |= {places[number]: "words" for number in shared}
    for place, text, judge in zip(places, texts, judges, strict=True):
        if judge.hosts == "unseen" and text.host and text.host in hosts:
            reasons[place] = "host"
    return reasons


def _texts_of(data: Data, hosts: set[str]) -> Iterator[str]:
    """Yields the texts of an arm, and adds their hosts to those that are given."""
    for document in data.texts():
        if document.domain:
            hosts.add(_host(document.domain))
        yield document.text or ""


def drawn_within(texts: Sequence[Text], judge: Judge) -> list[Text]:
    """Returns the documents within a judge's limits, in their order; they are drawn by their texts."""
    if not judge.limit and not judge.limit_bytes:
        return [*texts]
    order = sorted(
        range(len(texts)), key=lambda number: (keyed_hash(SEED, "judge", texts[number].text.encode()), number)
    )
    order = order[: judge.limit or None]
    size, kept = 0, []
    for number in order:
        size += len(texts[number].text.encode())
        if judge.limit_bytes and size > judge.limit_bytes:
            break
        kept.append(number)
    return [texts[number] for number in sorted(kept)]


def _check_rest(name: str, judge: Judge, read: int, documents: int, size: int, counts: Mapping[str, int]) -> None:
    """Raises SettingsError where too little of a judge is left."""
    if documents >= judge.least_documents and size >= judge.least_bytes:
        return
    why = (
        f"of {read:,}, {counts['host']:,} are of hosts that an arm has, {counts['words']:,} share 13 words with it, "
        f"and {counts['limit']:,} are over its limit"
    )
    least = f"it needs {judge.least_documents:,} and {judge.least_bytes:,}"
    mend = "give it more text, or change least_documents, least_bytes, limit_bytes, hosts or common"
    raise SettingsError(f"judge {name}: {documents:,} documents of {size:,} bytes are left, {least} ({why}); {mend}")


def check_file(fixed: Fixed, out: Path) -> None:
    """Raises ValueError where the file of a judge does not hold the texts that were fixed."""
    with fixed.file(out).open(encoding="utf-8") as lines:
        if digest_of(json.loads(line)["text"] for line in lines) != fixed.sha256:
            raise ValueError(f"{fixed.file(out)}: changed since training began; the same command makes it anew")


def digest_of(texts: Iterable[str]) -> str:
    """Returns the sha256 of texts, each behind its length."""
    digest = hashlib.sha256()
    for text in texts:
        content = text.encode("utf-8", "replace")
        digest.update(f"{len(content)}\n".encode() + content)
    return digest.hexdigest()


def _write(path: Path, texts: Sequence[Text]) -> None:
    storage.make_folder(path.parent)
    with replacing(path) as draft, draft.open("w", encoding="utf-8") as file:
        for text in texts:
            row = {"text": text.text, "host": text.host} if text.host else {"text": text.text}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

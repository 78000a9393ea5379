"""Our models in EleutherAI's lm-evaluation-harness (0.4.9 and later), as its model `curate`.

    python -m curate.evaluate.harness --model curate --model_args model=MODEL --tasks lambada_openai

    python -m curate.evaluate.harness --compare MODEL TASK…

The harness loads no plug-ins, so this module registers the model and then runs the harness's own command.
Each context begins with end-of-text, as in `curate evaluate`: both give the same likelihoods to the same texts.
`--compare` prints how far those of the items of tasks differ, and those of transformers on the exported weights.
"""

# lm-eval is optional, so mypy takes its classes as Any
# mypy: allow-subclassing-any

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model

from curate.errors import SettingsError, UserError
from curate.evaluate import models
from curate.evaluate.encoding import REASONS, Text, Unscorable, joint, lacking, placed
from curate.evaluate.evaluation import Settings, read_tasks
from curate.evaluate.likelihood import BATCH_TOKENS, log_probabilities
from curate.evaluate.models import Model
from curate.evaluate.perplexity import windows
from curate.evaluate.score import Scored, Scores, score
from curate.evaluate.tasks import items as items_of
from curate.gpt import hf, sampling
from curate.gpt.sampling import Sampling

TOKENS = 256  # that an answer has at most, where a task states none, as in the harness's own models

TOLERANCE = 1e-6  # nats

Answer = tuple[float, bool]  # a log-likelihood, and whether greedy decoding gives the completion
Pair = tuple[tuple[str, str], list[int], list[int]]  # the texts, and the ids of context and continuation


@register_model("curate")
class CurateLM(TemplateLM):
    """A model of ours as the harness asks it. Ids are those of the tokenizer."""

    def __init__(
        self,
        model: str,
        precision: str = "fp32",
        device: str | None = None,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
    ) -> None:
        """model: a folder or a checkpoint. The harness's batch sizes are not used; batch_tokens bounds a batch."""
        super().__init__()
        named = (device or "auto").partition(":")[0]
        where = "auto" if named == "cuda" else named  # the harness names cuda:0 where there is none too
        self.model = models.load(Path(model), precision=precision, device=where)
        self.batch_tokens = int(batch_tokens)

    @property
    def eot_token_id(self) -> int:
        """Returns the id of end-of-text."""
        return self.model.tokenizer.eot

    @property
    def max_length(self) -> int:
        """Returns how many tokens the model reads at most."""
        return self.model.window

    @property
    def max_gen_toks(self) -> int:
        """Returns how many tokens an answer has at most, where a task states none."""
        return TOKENS

    @property
    def tokenizer_name(self) -> str:
        """Returns the name of the tokenizer."""
        return self.model.tokenizer.name

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """Returns the ids of a text, end-of-text first unless add_special_tokens is False."""
        start = [] if add_special_tokens is False else [self.eot_token_id]
        return [*start, *map(int, self.model.tokenizer.ordinary(string))]

    def _encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        ids, start = joint(self.model.tokenizer, context, continuation)
        return [self.eot_token_id, *map(int, ids[:start])], [*map(int, ids[start:])]

    def _loglikelihood_tokens(self, requests: Sequence[Pair], **_: Any) -> list[tuple[float, bool]]:
        texts = [[self._text(before + after, len(before), " ".join(words))] for words, before, after in requests]
        scores = log_probabilities(self.model.gpt, texts, batch_tokens=self.batch_tokens)
        answers = [(float(one.nats.sum()), bool(one.greedy.all())) for [one] in scores]
        for (words, _before, _after), answer in zip(requests, answers, strict=True):
            self.cache_hook.add_partial("loglikelihood", words, answer)
        return answers

    def _text(self, ids: list[int], start: int, words: str) -> Text:
        text = placed(self.model.tokenizer, self.model.vocabulary, np.array(ids), start, self.model.window)
        if isinstance(text, Unscorable):
            raise self._refusal(text, words)
        return text

    def _rows(self, string: str) -> Any:
        """Returns end-of-text and a text of any length as rows of the embedding."""
        ids = np.array(self.tok_encode(string))
        if (lack := lacking(self.model.tokenizer, self.model.vocabulary, ids)) is not None:
            raise self._refusal(lack, string)
        return self.model.vocabulary.encode(ids)

    def _refusal(self, fault: Unscorable, words: str) -> UserError:
        what, mend = REASONS[fault.reason]
        return UserError(f"{self.model.name}: {words[-60:]!r} has {what} ({fault.detail!r}); {mend}")

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """Returns the log-probability of whole texts after end-of-text, in windows that follow one another."""
        totals = []
        for (string,) in (request.args for request in requests):
            groups = [[text] for text in windows(self._rows(string), self.model.window, self.model.window)]
            scores = log_probabilities(self.model.gpt, groups, batch_tokens=self.batch_tokens)
            totals.append(float(sum(one.nats.sum() for [one] in scores)))
            self.cache_hook.add_partial("loglikelihood_rolling", (string,), totals[-1])
        return totals

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Returns what the model writes after each context, up to one of its stops."""
        answers = []
        for context, options in (request.args for request in requests):
            until = options.get("until") or []
            stops = [stop for stop in ([until] if isinstance(until, str) else until) if stop]
            answers.append(self._written(context, stops, options))
            self.cache_hook.add_partial("generate_until", (context, options), answers[-1])
        return answers

    def _written(self, context: str, stops: Sequence[str], options: dict[str, Any]) -> str:
        model = self.model
        drawn = bool(options.get("do_sample"))
        chosen = Sampling(
            tokens=int(options.get("max_gen_toks", TOKENS)),
            temperature=float(options.get("temperature", 1.0)) if drawn else 0,
            top_k=int(options.get("top_k") or 0),
            top_p=float(options.get("top_p") or 1.0),
        )
        end = int(model.vocabulary.encode(np.array(self.eot_token_id)))
        rows = sampling.write(model.gpt, self._rows(context).tolist(), chosen, end)
        text = ""
        for part in sampling.texts((model.vocabulary.decode([row])[0] for row in rows), model.tokenizer.decode):
            text += part
            if any(stop in text for stop in stops):
                break
        return min((text.partition(stop)[0] for stop in stops), key=len, default=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The log-likelihoods of the items of a task, by another harness and by ours."""

    task: str
    harness: str
    items: int
    texts: int  # completions behind their contexts
    left_out: int  # items that the model gives no likelihood to
    largest: float  # of the differences between log-likelihoods, in nats
    accuracy: float  # by the likelihoods of the other
    ours: float


def compare(place: Path, names: Sequence[str], data: Path | None, settings: Settings) -> Iterator[Agreement]:
    """Yields for each task how the harness, and transformers on the exported weights, agree with ours, in fp64.

    transformers is left out where it is not installed, or has no class for the model.
    """
    harness = CurateLM(str(place), precision="fp64", device="cpu")
    chosen = read_tasks(names, data, settings)
    with TemporaryDirectory() as folder:
        theirs = _of_transformers(place, harness.model, Path(folder) / "hf")
        for task in chosen:
            shots = int(settings.shots[0])
            items = items_of(task, shots, settings.seed, settings.limit)
            scored = score(harness.model, items)
            by_number = {item.number: item for item in items}
            pairs = [pair for one in scored.items for pair in by_number[one.number].pairs]
            answers = {"lm-eval": _of_harness(harness, pairs, Path(folder))} if pairs else {}
            if theirs is not None and pairs:
                answers["transformers"] = [theirs(pair) for pair in pairs]
            for name, answer in answers.items():
                yield _agreement(task.name, name, scored, answer)


def _agreement(task: str, name: str, scored: Scores, answers: Sequence[Answer]) -> Agreement:
    """Returns how the answers of another harness, in the order of our completions, agree with ours."""
    left = iter(answers)
    largest, right = 0.0, 0.0
    for item in scored.items:
        own = [
            replace(one, nats=nats, greedy=greedy) for one, (nats, greedy) in zip(item.completions, left, strict=False)
        ]
        largest = max(
            [largest, *(abs(one.nats - other.nats) for one, other in zip(item.completions, own, strict=True))]
        )
        right += _is_right(replace(item, completions=tuple(own)))
    return Agreement(
        task=task,
        harness=name,
        items=len(scored.items),
        texts=len(answers),
        left_out=sum(scored.left_out.values()),
        largest=largest,
        accuracy=right / len(scored.items),
        ours=sum(map(_is_right, scored.items)) / len(scored.items),
    )


def _is_right(item: Scored) -> float:
    """Returns the share of the point: by the sum of log-probabilities, or, of one completion, by greedy decoding."""
    return item.share_right("sum") if len(item.completions) > 1 else float(item.best.greedy)


def _of_harness(model: CurateLM, pairs: Sequence[tuple[str, str]], folder: Path) -> list[Answer]:
    """Returns the answers of the harness's own evaluation for contexts and completions, in a local file."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    file = folder / "pairs.jsonl"
    file.write_text("".join(json.dumps({"context": one, "completion": other}) + "\n" for one, other in pairs))
    task = {
        "task": "pairs",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"validation": str(file)}, "cache_dir": str(folder / "cache")},
        "validation_split": "validation",
        "output_type": "loglikelihood",
        "doc_to_text": "{{context}}",
        "doc_to_target": "{{completion}}",
        "target_delimiter": "",
        "metric_list": [{"metric": "acc"}],
    }
    manager = TaskManager(include_defaults=False)
    made = simple_evaluate(model=model, tasks=[task], task_manager=manager, bootstrap_iters=0, log_samples=True)
    samples = sorted(made["samples"]["pairs"], key=lambda sample: sample["doc_id"])
    return [(float(nats), str(greedy) == "True") for sample in samples for [(nats, greedy)] in sample["resps"]]


def _of_transformers(place: Path, model: Model, folder: Path) -> Callable[[tuple[str, str]], Answer] | None:
    """Returns what gives transformers' answer for a context and its completion; None where it cannot be asked."""
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError:
        return None
    try:
        if not (place / models.CONFIG).exists():  # a run of ours
            place = hf.export(sampling.open_model(place), folder).folder
    except SettingsError:
        return None
    gpt = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float64)
    words = AutoTokenizer.from_pretrained(place)
    tokenizer = replace(model.tokenizer, ordinary=lambda text: words(text)["input_ids"])
    suppressed = torch.tensor(gpt.generation_config.suppress_tokens or [], dtype=torch.long)

    def answer(pair: tuple[str, str]) -> Answer:
        whole, start = joint(tokenizer, *pair)
        cut = max(0, len(whole) - model.window)
        ids = torch.tensor([words.eos_token_id, *whole])[cut:]
        targets = ids[start + 1 - cut :]
        with torch.no_grad():
            logits = gpt(ids[None, :-1]).logits[0]
        logits[:, suppressed] = -torch.inf
        shares = logits[-len(targets) :].log_softmax(-1)
        nats = shares.gather(1, targets[:, None]).sum()
        return float(nats), bool((shares.argmax(-1) == targets).all())

    return answer


def _compare(words: Sequence[str]) -> int:
    """Prints the table of `--compare`, and returns the exit code: 1 where something differs by more than TOLERANCE."""
    parser = argparse.ArgumentParser(prog="python -m curate.evaluate.harness")
    parser.add_argument("--compare", nargs="+", metavar="MODEL TASK", required=True)
    parser.add_argument("--data", type=Path, help="the folder of the tasks' files")
    parser.add_argument("--shots", default="0", help="demonstrations before each item")
    parser.add_argument("--limit", type=int, default=100, help="at most so many items of each task")
    chosen = parser.parse_args(words)
    model, *names = chosen.compare
    try:
        if not names or not chosen.shots.isdigit():
            raise SettingsError("give a model, one task at least, and one number as --shots")
        settings = Settings(shots=(int(chosen.shots),), limit=max(1, chosen.limit))
        rows = list(compare(Path(model), names, chosen.data, settings))
    except UserError as error:
        print(f"curate: {error}", file=sys.stderr)
        return 2
    print(
        f"{'task':20} {'harness':12} {'items':>6} {'left out':>8} {'texts':>6} {'nats':>8} {'accuracy':>8} {'ours':>8}"
    )
    for row in rows:
        counts = f"{row.items:6} {row.left_out:8} {row.texts:6}"
        print(f"{row.task:20} {row.harness:12} {counts} {row.largest:8.1e} {row.accuracy:8.4f} {row.ours:8.4f}")
    if lacking := {"lm-eval", "transformers"} - {row.harness for row in rows}:
        print(f"not compared: {', '.join(sorted(lacking))}: no items, not installed, or no class for the model")
    print(f"nats: the largest difference of a log-likelihood from ours, in fp64; {TOLERANCE:g} or less is agreement")
    return int(any(row.largest > TOLERANCE or row.accuracy != row.ours for row in rows))


def main() -> None:
    """Runs the harness's own command, which knows the model `curate` now, or compares with `--compare`."""
    if "--compare" in sys.argv[1:]:
        sys.exit(_compare(sys.argv[1:]))
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()


if __name__ == "__main__":
    main()

"""Our models in EleutherAI's lm-evaluation-harness (0.4.9 and later), as its model `curate`.

    python -m curate.evaluate.harness --model curate --model_args model=MODEL --tasks lambada_openai

The harness loads no plug-ins, so this module registers the model and then runs the harness's own command.
Each context begins with end-of-text, as in `curate evaluate`: both give the same likelihoods to the same texts.
"""

# lm-eval is optional, so mypy takes its classes as Any
# mypy: allow-subclassing-any

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model

from curate.errors import UserError
from curate.evaluate import models
from curate.evaluate.encoding import REASONS, Text, Unscorable, joint, lacking, placed
from curate.evaluate.likelihood import BATCH_TOKENS, log_probabilities
from curate.evaluate.perplexity import windows
from curate.gpt import sampling
from curate.gpt.sampling import Sampling

TOKENS = 256  # that an answer has at most, where a task states none, as in the harness's own models

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


def main() -> None:
    """Runs the harness's own command, which knows the model `curate` now."""
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()


if __name__ == "__main__":
    main()

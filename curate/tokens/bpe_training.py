"""Trains a byte-level BPE tokenizer on texts (Sennrich et al. 2016; Radford et al. 2019), as a tokenizer.json."""

import json
from collections.abc import Iterable

from curate.errors import SettingsError, UserError
from curate.tokens.tokenizer import EOT_TOKEN

BYTES = 256  # ids of single bytes, which come first
LEAST, MOST = BYTES + 1, 1 << 20


def check_size(vocabulary: int) -> None:
    """Raises SettingsError where no tokenizer has so many ids."""
    if not LEAST <= vocabulary <= MOST:
        raise SettingsError(f"vocabulary lies in {LEAST}..{MOST}, got {vocabulary}")


def train(texts: Iterable[str], vocabulary: int) -> bytes:
    """Returns the tokenizer.json of a vocabulary: the 256 bytes, the merges of texts, and `<|endoftext|>` as last id.

    Texts are split into words as GPT-2 does. The same texts give the same bytes, whatever their order. Raises UserError
    where the texts have fewer pairs to merge than the vocabulary needs.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    check_size(vocabulary)
    codec = Tokenizer(models.BPE())
    codec.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    codec.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 1,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    codec.train_from_iterator(texts, trainer)
    entries = codec.get_vocab_size()
    if entries < vocabulary - 1:
        raise UserError(f"these texts suffice for {entries + 1:,} ids, not for {vocabulary:,}; ask for no more")
    codec.add_special_tokens([AddedToken(EOT_TOKEN, special=True, normalized=False)])
    return json.dumps(json.loads(codec.to_str()), ensure_ascii=False, indent=1).encode() + b"\n"

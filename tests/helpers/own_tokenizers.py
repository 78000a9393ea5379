"""Small Hugging Face tokenizers, made for the tests by the library itself."""

import json
from pathlib import Path

import pytest

tokenizers = pytest.importorskip("tokenizers", reason="needs tokenizers: pip install '.[tokenizers]'")

STORY = [
    "The keeper of the light walked to the harbour and looked at the boats that had come in with the tide.",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "It rained, and then it did not; the keeper's coat (a heavy one) dried on the line for 24 hours.",
]
LARGE = 70_000  # entries, above what two bytes tell apart


def byte_level(path: Path, *, eot: str = "<|endoftext|>", entries: int = 0) -> Path:
    """BPE over bytes; with `entries`, so many in its vocabulary that end-of-text stands behind them."""
    trained = tokenizers.Tokenizer(tokenizers.models.BPE())
    trained.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator(STORY, trainer)
    table = json.loads(trained.to_str())
    vocabulary = table["model"]["vocab"]
    vocabulary |= {f"never {number}": number for number in range(len(vocabulary), entries)}
    made = tokenizers.Tokenizer.from_str(json.dumps(table))
    made.add_special_tokens([eot, "<|im_start|>"])
    made.save(str(path))
    return path


def unigram(path: Path) -> Path:
    """Unigram in the manner of T5: the special tokens stand among its words."""
    letters = sorted({letter for text in STORY for letter in text} | set("</s>pad▁"))
    words = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((letter, -3.0) for letter in letters), ("▁the", -1.0)]
    made = tokenizers.Tokenizer(tokenizers.models.Unigram(words, unk_id=2, byte_fallback=False))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    made.decoder = tokenizers.decoders.Metaspace()
    made.add_special_tokens(["<pad>", "</s>", "<unk>"])
    made.enable_truncation(8)
    made.save(str(path))
    return path


def llama(path: Path) -> Path:
    """Writes BPE in the manner of Llama 2: a blank stands before a text, and the merges make `</s>` of its letters."""
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *"▁xyabthes<>/"]
    merges = [("t", "h"), ("th", "e"), ("▁", "the"), ("▁", "x"), ("<", "/"), ("</", "s"), ("</s", ">"), ("▁", "<")]
    numbers = {word: number for number, word in enumerate(dict.fromkeys([*words, *map("".join, merges)]))}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(numbers, merges, unk_token="<unk>", byte_fallback=True))
    normalizers, decoders = tokenizers.normalizers, tokenizers.decoders
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    made.add_special_tokens(["<unk>", "<s>", "</s>"])
    made.save(str(path))
    return path


def gemma(path: Path, *, scheme: str = "") -> Path:
    """Writes BPE in the manner of Gemma: no blank before a text; with `scheme`, Metaspace writes the blanks."""
    words = ["<eos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *"▁xyabtheß"]
    merges = [("t", "h"), ("th", "e"), ("▁", "the"), ("▁", "▁"), ("x", "y")]
    numbers = {word: number for number, word in enumerate(dict.fromkeys([*words, *map("".join, merges)]))}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(numbers, merges, unk_token="<unk>", byte_fallback=True))
    normalizers, decoders, splitters = tokenizers.normalizers, tokenizers.decoders, tokenizers.pre_tokenizers
    if scheme:
        made.pre_tokenizer = splitters.Metaspace(prepend_scheme=scheme)
        blanks = decoders.Metaspace(prepend_scheme=scheme)
        made.decoder = decoders.Sequence([decoders.ByteFallback(), blanks, decoders.Fuse()])
    else:
        made.normalizer = normalizers.Replace(" ", "▁")
        made.pre_tokenizer = splitters.Split(" ", "merged_with_previous")
        made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens(["<eos>", "<unk>"])
    made.add_tokens(["yyy"])
    made.save(str(path))
    return path


def word_level(path: Path, words: list[str], *, specials: list[str], unknown: str = "[UNK]") -> Path:
    """A tokenizer of whole words."""
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys([unknown, *words]))}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token=unknown))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(specials)
    made.save(str(path))
    return path

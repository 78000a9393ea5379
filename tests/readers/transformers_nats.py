"""Runs in .venv-readers: `transformers_nats.py FOLDER FILE` prints what a model of transformers says of completions.

FILE holds lines with `context` and `completion`; each text follows an end-of-text.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, file = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()
nats = []
for line in Path(file).read_text().splitlines():
    row = json.loads(line)
    before = [tokenizer.eos_token_id, *tokenizer(row["context"])["input_ids"]]
    ids = [tokenizer.eos_token_id, *tokenizer(row["context"] + row["completion"])["input_ids"]]
    assert ids[: len(before)] == before
    with torch.no_grad():
        shares = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    nats.append(sum(float(shares[place - 1, ids[place]]) for place in range(len(before), len(ids))))
print(json.dumps(nats))

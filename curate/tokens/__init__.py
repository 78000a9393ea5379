"""From text to ids, from ids to shards.

Reading order: config, tokenizer, bpe, tokenizer_json, load, packing, shards.
"""

"""Makes token ids of text, and shards of token ids.

Reading order: config, tokenizer, bpe, tokenizer_json, load, shards, packing, conservation.
"""

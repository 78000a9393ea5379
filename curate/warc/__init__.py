"""Reads archive files in any packing, whole or damaged, and writes them.

Reading order: reader, tape, members, raw, headers, codec, payloads, writer, readback, cdxj.
"""

"""Archive files in any packing, whole or damaged, read and written.

Reading order: reader, tape, members, raw, headers, codec, payloads, writer, readback, cdxj.
"""

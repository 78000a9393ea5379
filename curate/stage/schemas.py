"""The columns of kept documents, rejections and dead letters: the names that users' SQL relies on."""

import pyarrow as pa

TIMESTAMP = pa.timestamp("s", tz="UTC")
ID = pa.binary(16)

KEPT = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("timestamp", TIMESTAMP),
        pa.field("source", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("given_id", pa.string()),
        pa.field("metadata", pa.string()),
        pa.field("title", pa.string()),
        pa.field("date", pa.string()),
        pa.field("language", pa.string()),
        pa.field("language_score", pa.float32()),
        pa.field("mime", pa.string()),
        pa.field("warc_file", pa.string()),
        pa.field("warc_offset", pa.int64()),
        pa.field("warc_length", pa.int64()),
        pa.field("quality", pa.float32()),
        pa.field("extractor", pa.string()),
        pa.field("truncated", pa.string()),
        pa.field("flags", pa.string()),
        pa.field("cluster_size", pa.int64()),
    ]
)
REJECTED = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("threshold", pa.float64()),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("given_id", pa.string()),
    ]
)
FAILED = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("length", pa.int64(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("error", pa.string(), nullable=False),
        pa.field("message", pa.string(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("record", pa.bool_(), nullable=False),
    ]
)

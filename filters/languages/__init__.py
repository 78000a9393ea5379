"""Stop words and limits of each language, derived from reference texts, as FineWeb2 did."""

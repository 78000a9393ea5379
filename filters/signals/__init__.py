"""All that the rules measure of a document, and verdicts from it by other limits."""

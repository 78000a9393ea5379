"""Quality rules: pure functions of a document that return why it is rejected, or None; one published source a file."""

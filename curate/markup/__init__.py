"""The markup of a page as blocks, and blocks as text."""

"""Plants known defects into a clean corpus, and measures what a pipeline did with each of them.

Reading order: config, reading, cutting, copies, furniture, pages, languages, leaks, corpus, files; then runs, outcomes.
"""

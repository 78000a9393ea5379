"""Published filter rules: pure functions of a document, each beside its settings and its paper.

Reading order: rules, judged, urls, mime, language, gopher, gopher_readings, c4, fineweb, refinedweb, the others; own;
languages.
"""

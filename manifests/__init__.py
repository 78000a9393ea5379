"""Bundled recipes (TOML), the JSON Schema of the manifest, definitions of tasks, and the texts of the mini-web."""

"""Bundled recipes (TOML), the JSON Schema of the manifest, and the texts of the mini-web."""

"""From the URLs of a wave to its lots, by sorting: no process holds more than a few tables of them."""

"""The claims that machines of one crawl keep in a store: a lot and an IP address are one process's at a time."""

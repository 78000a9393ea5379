"""What the machines of one crawl share in a store: who works on a lot, and who asks an IP address."""

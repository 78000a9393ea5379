"""From candidates to WARC, politely; every URL ends with one outcome.

Reading order: config, targets, lots, outcomes, lot_run, fetch, faults, resolver, addresses, politeness, journal,
robots_cache, answers, rows, lot_writer, conservation.
"""

"""From files of links to candidates with votes.

Reading order: config, sieve, readers, outlinks, submissions, sitemaps, votes.
"""

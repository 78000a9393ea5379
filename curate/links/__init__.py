"""Turns files of links into candidates for crawling, with their votes.

Reading order: config, sieve, readers, outlinks, submissions, sitemaps, votes.
"""

"""The runners that execute stages, and the processes that they need.

Reading order: engine, progress, runners, target, jobserver, installs, nursery, crew, member, boot,
worker, inspection, guard.
"""

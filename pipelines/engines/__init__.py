"""Where stages run: the only folder that names a runner.

Reading order: engine, progress, runners, target, jobserver, installs, nursery, boot, worker, guard.
"""

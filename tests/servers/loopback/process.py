"""The loopback web in a process of its own, for the length of a `with` block."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from judge import Entry, entries

from loopback.plan import Host, Plan, url

SERVERS = Path(__file__).parents[1]  # from where `python -m loopback.server` finds its package


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A web that answers. resolve: the file for `--resolve @FILE`; authority: the certificate to trust."""

    folder: Path
    plan: Plan
    pid: int

    @property
    def resolve(self) -> Path:
        return self.folder / "resolve.txt"

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    def url(self, host: Host | str, path: str = "/", *, tls: bool = False) -> str:
        """The URL of a path of a host."""
        return url(self.plan, host, path, tls=tls)

    def ledger(self) -> list[Entry]:
        """Returns the requests so far."""
        return entries(self.folder / "ledger.jsonl")


@contextmanager
def running(folder: Path, plan: Plan) -> Iterator[Running]:
    """Start the web of a plan in a folder; it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    plan.write(folder / "plan.json")
    command = [sys.executable, "-m", "loopback.server", folder.resolve()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=SERVERS)
    try:
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the loopback web did not start: exit code {process.wait()}")
        plan = replace(plan, **json.loads(line))
        plan.write(folder / "plan.json")
        yield Running(folder=folder, plan=plan, pid=process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

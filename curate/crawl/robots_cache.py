"""robots.txt as it was fetched: one file per authority, for all lots, machines, waves and restarts of a crawl."""

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from curate import storage
from curate.errors import writing
from curate.storage.writing import write_bytes
from curate.web.robots import Robots, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The rules of an authority's robots.txt, or the reason why nothing may be requested there."""

    robots: Robots = field(default_factory=Robots)
    outcome: str = ""  # why nothing may be requested, else ''
    detail: str = ""  # of the outcome
    until: float = 0.0  # unix time up to which this holds


class RobotsCache:
    """The robots.txt of authorities that answered; those that could not be reached are not stored."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.is_remote = storage.is_remote(folder)
        self._in_memory: dict[str, Access] = {}

    def find(self, authority: str) -> Access | None:
        """Returns the stored access of an authority; None where there is none, or an old one."""
        access = self._in_memory.get(authority) or self._read(authority)
        return access if access and access.until > time.time() else None

    def holds(self, authority: str) -> bool:
        """Returns whether `find` needs no file."""
        return authority in self._in_memory

    def hold(self, authority: str, access: Access) -> Access:
        """Stores an access for this process only, and returns it."""
        self._in_memory[authority] = access
        return access

    def keep(self, authority: str, body: bytes | None, until: float) -> Access:
        """Stores rules, None for none, on disk too, and returns their access."""
        encoded = base64.b64encode(body).decode() if body is not None else None
        path = self._path(authority)
        content = json.dumps({"authority": authority, "body": encoded, "until": until}).encode()
        if self.is_remote:
            write_bytes(path, content)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = storage.draft(path)
            with writing(path, draft):
                draft.write_bytes(content)
            draft.replace(path)  # not flushed: the event loop would wait for the disk, and a lost file is fetched again
        return self.hold(authority, Access(robots=parse(body or b""), until=until))

    def _read(self, authority: str) -> Access | None:
        """Reads the file of an authority; None where there is none that can be read."""
        try:
            stored = json.loads(self._path(authority).read_bytes())
            body = base64.b64decode(stored["body"]) if stored["body"] is not None else b""
            access = Access(robots=parse(body), until=float(stored["until"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return self.hold(authority, access)

    def _path(self, authority: str) -> Path:
        name = hashlib.sha256(authority.encode()).hexdigest()
        return self._folder / name[:2] / f"{name[2:34]}.json"

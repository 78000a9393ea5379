"""robots.txt as it was fetched, one file per authority, for all lots, waves and restarts of a crawl."""

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from curate import storage
from curate.web.robots import Robots, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the robots.txt of an authority comes to: rules, or none, or that it could not be reached.

    outcome: '' or why nothing may be asked there. until: unix time up to which this holds.
    """

    robots: Robots = field(default_factory=Robots)
    outcome: str = ""
    detail: str = ""
    until: float = 0.0


class RobotsCache:
    """Keeps what sites have answered; what could not be reached is not kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Access] = {}

    def find(self, authority: str) -> Access | None:
        """What is known and not too old."""
        access = self._known.get(authority) or self._read(authority)
        return access if access and access.until > time.time() else None

    def hold(self, authority: str, access: Access) -> Access:
        """Remember in this process only."""
        self._known[authority] = access
        return access

    def keep(self, authority: str, body: bytes | None, until: float) -> Access:
        """Remember rules, None for none, on disk too."""
        told = base64.b64encode(body).decode() if body is not None else None
        path = self._path(authority)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = storage.draft(path)
        draft.write_bytes(json.dumps({"authority": authority, "body": told, "until": until}).encode())
        draft.replace(path)  # not flushed: the loop would stand still for it, and what is lost is asked for again
        return self.hold(authority, Access(robots=parse(body or b""), until=until))

    def _read(self, authority: str) -> Access | None:
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

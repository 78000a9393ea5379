"""Makes the ids of a part unique: the first record of an id keeps it, each later one gets a digest of id and number.

The numbers count within a part's item, so they depend neither on workers nor on other items. Where a WARC file is cut
into pieces, each piece is an item: a capture that lies in two pieces has the same id in both, as it has in two files.
"""

import hashlib

from curate.records import Id

REMEMBERED = 1_000_000  # ids, in about 100 MB; behind them every id has a number of its own


class Distinct:
    """The ids of the records of one item so far."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._times: dict[Id, int] = {}
        self._beyond = 0  # records that came when no more ids could be remembered
        self.repeated = 0  # records whose id had come before

    def __contains__(self, id: Id) -> bool:
        """Returns True where this id has come before and is remembered."""
        return id in self._times

    def of(self, id: Id) -> Id:
        """Returns the id of the next record: its own, or one derived of it where its own is taken."""
        times = self._times.get(id, 0)
        if times:
            self._times[id] = times + 1
            self.repeated += 1
            return _derived(id, "repeat", times)
        if len(self._times) < self._most:
            self._times[id] = 1
            return id
        self._beyond += 1
        return _derived(id, "beyond", self._beyond)


def _derived(id: Id, kind: str, number: int) -> Id:
    return hashlib.blake2b(id + f"\0{kind}\0{number}".encode(), digest_size=16).digest()

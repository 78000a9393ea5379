"""Reads of the Dockerfile what the worker image holds: Python, Beam, and the extras with which stores can be read."""

import platform
import re
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources

from curate import storage
from curate.errors import SettingsError

BASE = re.compile(r"^FROM apache/beam_python(?P<python>\d+\.\d+)_sdk:(?P<beam>\S+)$", re.MULTILINE)
EXTRAS = re.compile(r"pip install .*'\.\[(?P<extras>[\w,-]+)\]'")
INSIDE = {"gcp": "gcs"}  # an extra that another one installs too
WITHOUT_EXTRA = ("https", "http")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The libraries that the worker image holds."""

    python: str  # major.minor
    beam: str  # version
    extras: frozenset[str]  # of curate

    def check_launcher(self) -> None:
        """Raises SettingsError where this machine has another Beam or Python than the workers, which read its job."""
        here = {"Beam": metadata.version("apache-beam"), "Python": ".".join(platform.python_version_tuple()[:2])}
        for name, version in (("Beam", self.beam), ("Python", self.python)):
            if here[name] != version:
                raise SettingsError(
                    f"--runner dataflow: {name} is {here[name]} here and {version} in the worker image; launch from "
                    f"Python {self.python} with pip install --constraint constraints.txt '.[gcp]'"
                )

    def check_readable(self, setting: str, value: str) -> None:
        """Raises SettingsError where a worker could not read the file that a setting names."""
        if not storage.is_remote(value):
            raise SettingsError(f"{setting}: {value}: Dataflow's workers cannot read this machine; copy it to gs://")
        scheme = value.partition("://")[0]
        extra = storage.EXTRAS.get(scheme)
        if extra not in self.extras and scheme not in WITHOUT_EXTRA:
            lack = f"lacks the extra [{extra}]" if extra else f"reads no {scheme}://"
            raise SettingsError(f"{setting}: {value}: the worker image {lack}; copy it to gs://")


@cache
def image() -> Image:
    """Returns the image that the Dockerfile of this installation makes."""
    text = (resources.files("curate.pipelines.dataflow") / "Dockerfile").read_text()
    base, extras = BASE.search(text), EXTRAS.search(text)
    if not base or not extras:
        raise SettingsError("pipelines/dataflow/Dockerfile: names no image of Beam's, or installs no extra of curate")
    named = extras["extras"].split(",")
    return Image(
        python=base["python"],
        beam=base["beam"],
        extras=frozenset([*named, *(INSIDE[extra] for extra in named if extra in INSIDE)]),
    )

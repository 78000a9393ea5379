"""Stores on this machine: moto's server as S3, and fake-gcs-server as Google's, where that is on the PATH."""

import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.request import urlopen

import fsspec
import pytest

PATIENCE_S = 60


@dataclass(frozen=True)
class Store:
    """A server: the URL of a bucket, and the environment that leads to it."""

    bucket: str
    env: dict[str, str]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(command: list[str], address: str) -> Iterator[None]:
    """The server's process, once it answers."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                urlopen(address, timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, "the server has ended"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.2)
        yield
    finally:
        server.kill()
        server.wait()


@contextmanager
def s3() -> Iterator[Store]:
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server", reason="moto's server is not installed")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    env = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with served([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], f"{address}/moto-api/"):
        yield from made("s3", env)


@contextmanager
def gs() -> Iterator[Store]:
    pytest.importorskip("gcsfs")
    binary = shutil.which("fake-gcs-server")
    if not binary:
        pytest.skip("no fake-gcs-server here: go install github.com/fsouza/fake-gcs-server@latest")
    port = free_port()
    host = f"127.0.0.1:{port}"
    env = {"STORAGE_EMULATOR_HOST": f"http://{host}", "GOOGLE_CLOUD_PROJECT": "test"}
    command = [binary, "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    with served([*command, "-public-host", host], f"http://{host}/storage/v1/b"):
        yield from made("gs", env)


def made(protocol: str, env: dict[str, str]) -> Iterator[Store]:
    """Yields a new bucket, to which the environment leads this process too."""
    system = fsspec.get_filesystem_class(protocol)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        system.clear_instance_cache()  # those of other servers
        fsspec.filesystem(protocol).mkdir("data")
        yield Store(f"{protocol}://data", env)
        system.clear_instance_cache()


@contextmanager
def counted_requests() -> Iterator[Counter[str]]:
    """Yields the counts of the requests to S3 during the block, by kind."""
    from aiobotocore.client import AioBaseClient

    requests: Counter[str] = Counter()
    call = AioBaseClient._make_api_call

    async def counted(client, kind, values):
        requests[kind] += 1
        return await call(client, kind, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AioBaseClient, "_make_api_call", counted)
        yield requests

"""Ranges from a real nginx: well served, without ranges, compressed on the way, throttled, and with a file replaced."""

import hashlib
import os
import shutil
import socket
import subprocess
import time
from urllib.request import urlopen

import pytest

from curate import storage
from curate.storage.patience import ChangedError, Patience
from curate.storage.remote import RangeReader

CONTENT = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(10_000))  # 320 kB
CONF = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; default_type application/octet-stream;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  limit_req_zone $server_port zone=few:1m rate=40r/s;
  server {{
    listen 127.0.0.1:{port}; root {folder}/www;
    location /plain/ {{ alias {folder}/www/; }}
    location /whole/ {{ alias {folder}/www/; max_ranges 0; }}
    location /gzip/ {{ alias {folder}/www/; gzip on; gzip_types *; gzip_min_length 1; }}
    location /slow/ {{ alias {folder}/www/; limit_req zone=few burst=1 nodelay; }}
    location /moved/ {{ return 302 /plain/a.bin; }}
  }}
}}
"""


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    """The URL of an nginx, and the folder that it serves."""
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if not binary:
        pytest.skip("no nginx here: install nginx-light by the system's package manager")
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "www").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "nginx.conf").write_text(CONF.format(folder=folder, port=port))
    (folder / "www" / "up").write_bytes(b"")
    server = subprocess.Popen([binary, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                urlopen(f"http://127.0.0.1:{port}/plain/up", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, (folder / "error.log").read_text()
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", folder / "www"
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def served(nginx):
    url, folder = nginx
    (folder / "a.bin").write_bytes(CONTENT)
    return url, folder


def reader(url: str) -> RangeReader:
    return RangeReader(storage.path(url), chunk=30_000, patience=Patience(first_s=0.01, longest_s=0.1))


@pytest.mark.parametrize("place", ["plain/a.bin", "whole/a.bin", "gzip/a.bin", "slow/a.bin", "moved/a.bin"])
def test_every_byte_comes_however_it_is_served(served, place):
    with reader(f"{served[0]}/{place}") as file:
        assert file.size == len(CONTENT)
        assert b"".join(iter(lambda: file.read(7001), b"")) == CONTENT
        file.seek(-10, os.SEEK_END)
        assert file.read() == CONTENT[-10:]
        file.seek(100_000)
        assert file.read(5) == CONTENT[100_000:100_005]


def test_an_empty_file_is_read_as_one(served):
    with reader(f"{served[0]}/plain/up") as file:
        assert (file.size, file.read()) == (0, b"")


@pytest.mark.parametrize("place", ["plain", "whole"])
def test_a_replaced_file_is_noticed_by_nginx_or_by_us(served, place):
    url, folder = served
    with reader(f"{url}/{place}/a.bin") as file:
        assert file.read(100) == CONTENT[:100]
        (folder / "b.bin").write_bytes(CONTENT[::-1])
        os.utime(folder / "b.bin", (1, 1))
        (folder / "b.bin").rename(folder / "a.bin")
        file.seek(10)  # before what is held, or open
        file.read(10)
        file.seek(300_000)
        if place == "whole":  # the answer that is open goes on with the old file; a new one would not
            file._origin.close()
        with pytest.raises(ChangedError, match="was changed while it was read"):
            file.read(10)

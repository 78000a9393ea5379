"""Links for the loopback web: a mix whose fate is known, a dump's own links, and captures that are played again."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from backports import zstd
from loopback.plan import Plan, ordinary
from loopback.process import running
from loopback.replay import key, table
from loopback.seeds import PATHS, host_name, hosts_of, seeds
from polite import ask, in_threads, status

SERVERS = Path(__file__).parent


def path_of(url: str) -> str:
    return "/" + url.partition("://")[2].partition("/")[2]


def test_a_mix_of_links_is_the_same_for_its_seed_and_holds_each_fate():
    plan = Plan(hosts=ordinary(100), http=8080)
    mix = seeds(plan, 20)
    assert mix == seeds(plan, 20)
    assert mix != seeds(plan, 20, seed=1)
    assert len({link.url for link in mix}) == len(mix) == 2000
    fates = Counter(link.fate for link in mix)
    assert set(fates) == {"closed", *(fate for _, fate in PATHS.values())}
    assert fates["page"] > 1000


def test_each_link_of_a_mix_answers_as_its_fate_says(tmp_path):
    plan = Plan(hosts=ordinary(12, mix={"missing": 1}), patience=0.01)
    codes: dict[str, set[int]] = {}
    with running(tmp_path, plan) as web:
        hosts = {host.name: host for host in plan.hosts}

        def one(link):
            host = hosts[link.url.partition("://")[2].partition(":")[0]]
            answer = ask(web, host, path_of(link.url))
            codes.setdefault(link.fate, set()).add(status(answer) if answer else 0)

        in_threads(one, [(link,) for link in seeds(web.plan, 25)])
    assert codes["page"] <= {200, 302, 503}
    assert codes["missing"] == {404, 410}
    assert codes["error"] <= {500, 429}
    assert codes["loop"] <= {302}


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("http://a.test/x", "a.test"),
        ("https://A.test:443", "a.test"),
        ("https://a.test:80/", ""),
        ("ftp://a.test/", ""),
        ("http://localhost/", ""),
        ("http://127.0.0.1/", ""),
        ("http://[::1]/", ""),
        ("http://a..test/", ""),
        ("http://[", ""),
        ("self", ""),
    ],
)
def test_the_host_of_a_link_that_can_be_played(link, name):
    assert host_name(link) == name


def test_a_real_dump_can_be_played(tmp_path, data):
    with zstd.open(data("reddit/links-2013-sample.ndjson.zst"), "rt", encoding="utf-8") as file:
        urls = [json.loads(line)["url"] for line in file]
    played = [url for url in urls if host_name(url)]
    assert len(played) > 0.999 * len(urls)
    hosts = {host.name: host for host in hosts_of(urls)}
    assert len({host.address for host in hosts.values()}) == 64
    with running(tmp_path, Plan(hosts=tuple(hosts.values()))) as web:  # on free ports, so that any user may run it
        for url in played[::4000]:
            path = path_of(url).partition("#")[0]
            assert len(ask(web, hosts[host_name(url)], path)) > 2000


def test_the_mini_web_is_played_by_a_command_with_its_links(tmp_path, miniweb):
    files = sorted(miniweb.glob("*.warc.gz"))
    command = [sys.executable, "-m", "loopback.play", tmp_path, *files, "--any-port"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=SERVERS)
    try:
        assert set(json.loads(process.stdout.readline())) == {"http", "https"}
        plan = Plan.read(tmp_path / "plan.json")
        links = (tmp_path / "links.txt").read_text().splitlines()
        resolved = dict(line.rsplit(":", 1) for line in (tmp_path / "resolve.txt").read_text().splitlines())
        pages = table(files)
        assert len(links) == len(pages)
        for link in links[::9]:
            authority = link.partition("://")[2].partition("/")[0]
            page = pages[key(link)]
            host = next(host for host in plan.hosts if host.name == authority.partition(":")[0])
            assert resolved[authority] == host.address
            answer = ask(type("Web", (), {"plan": plan}), host, path_of(link))
            assert (status(answer), answer.partition(b"\r\n\r\n")[2]) == (page.status, page.body)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()

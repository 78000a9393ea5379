"""robots.txt on disk: who reads it, for how long it holds, and that the next one counts (R66)."""

import time

import pytest

from curate.crawl.robots_cache import RobotsCache

SITE = "http://a.test"
OPEN, CLOSED = b"User-agent: *\nAllow: /\n", b"User-agent: *\nDisallow: /\n"


def allows(access) -> bool:
    return access.robots.verdict("curate", f"{SITE}/x").allowed


def test_what_one_wave_read_holds_for_the_next_and_only_at_its_authority(tmp_path):
    RobotsCache(tmp_path).keep(SITE, CLOSED, time.time() + 60)
    later = RobotsCache(tmp_path)
    assert not allows(later.find(SITE))
    assert [later.find(origin) for origin in ("https://a.test", "http://a.test:8080", "http://b.test")] == [None] * 3


def test_r66_what_is_too_old_is_asked_for_again_and_the_new_rules_count(tmp_path):
    RobotsCache(tmp_path).keep(SITE, OPEN, time.time() - 1)
    later = RobotsCache(tmp_path)
    assert later.find(SITE) is None
    later.keep(SITE, CLOSED, time.time() + 60)
    assert not allows(later.find(SITE))
    assert not allows(RobotsCache(tmp_path).find(SITE))


def test_no_file_is_remembered_as_no_rules(tmp_path):
    RobotsCache(tmp_path).keep(SITE, None, time.time() + 60)
    assert allows(RobotsCache(tmp_path).find(SITE))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"body": 1, "until": 9e99}', b'{"body": "!", "until": "x"}'])
def test_a_damaged_file_is_asked_for_again(tmp_path, content):
    RobotsCache(tmp_path).keep(SITE, OPEN, time.time() + 60)
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(content)
    assert RobotsCache(tmp_path).find(SITE) is None


def test_w99_no_authority_leads_out_of_the_folder(tmp_path):
    for name in ("http://../../x", "http://a/../../etc", "/etc/passwd", "http://\0"):
        RobotsCache(tmp_path / "robots").keep(name, OPEN, time.time() + 60)
    assert [path for path in tmp_path.rglob("*") if "robots" not in path.parts] == []
    assert all(path.stem.isalnum() for path in tmp_path.rglob("*.json"))

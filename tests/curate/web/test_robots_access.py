"""The consequence of the fetch of a robots.txt, and how long it holds."""

import pytest

from curate.web.robots import DAY, access, cache_seconds


@pytest.mark.parametrize("status", [200, 203, 204, 206])
def test_an_answer_is_read_for_rules(status):
    assert access(status, None) == "rules"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451, 499])
def test_r59_no_such_file_allows_all(status):
    assert access(status, None) == "allow"


@pytest.mark.parametrize("status", [401, 403])
def test_r59_forbidden_keeps_away_if_the_policy_says_so(status):
    assert access(status, None, forbidden=True) == "unreachable"
    assert access(404, None, forbidden=True) == "allow"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 599, 100, 304, 301, 999, None])
def test_r58_a_server_in_trouble_keeps_away(status):
    assert access(status, None) == "unreachable"


@pytest.mark.parametrize(
    "error",
    [
        "read_timeout",
        "connect_refused",
        "dns_servfail",
        "dns_nxdomain",
        "tls_handshake",
        "disconnect",
        "ip_denied",
        "new",
    ],
)
@pytest.mark.parametrize("status", [None, 200, 404])
def test_r57_r58_r60_an_error_keeps_away_whatever_the_status_was(error, status):
    assert access(status, error) == "unreachable"


@pytest.mark.parametrize("error", ["redirect_too_many", "redirect_loop"])
def test_r60_redirects_without_end_make_the_file_unavailable(error):
    assert access(None, error) == "allow"


def test_after_30_days_an_unreachable_file_is_unavailable():
    assert access(503, None, unreachable_s=30 * DAY) == "unreachable"
    assert access(503, None, unreachable_s=30 * DAY + 1) == "allow"
    assert access(403, None, unreachable_s=31 * DAY, forbidden=True) == "unreachable"


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("Cache-Control", "max-age=7200", 7_200),
        ("cache-control", 'public, Max-Age = "7200"', 7_200),
        ("cache-control", "max-age=5", 3_600),
        ("cache-control", "max-age=99999999999999999", DAY),
        ("cache-control", "max-age=-1", DAY),
        ("cache-control", "s-max-age=7200", DAY),
        ("cache-control", "no-store", DAY),
        ("x-other", "max-age=7200", DAY),
    ],
)
def test_a_robots_txt_is_kept_for_its_max_age_within_an_hour_and_a_day(name, value, seconds):
    assert cache_seconds([("Date", "x"), (name, value)]) == seconds

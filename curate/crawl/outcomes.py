"""The names of all outcomes of a planned URL, and which of them are tried again first."""

from typing import Literal

# The next step for a URL: none, a second try in the same lot and later ones, or a try in the next wave only.
Next = Literal["end", "retry", "later"]

KEPT = frozenset(("ok", "ok_truncated", "revisit"))  # with a page in the output
TRANSIENT: dict[str, Next] = {
    **dict.fromkeys(("dns_servfail", "dns_timeout", "robots_unreachable", "deferred_host_backoff"), "later"),
    **dict.fromkeys(("connect_refused", "connect_timeout", "connect_unreachable", "connect_reset"), "retry"),
    **dict.fromkeys(("tls_handshake", "tls_timeout", "ttfb_timeout", "read_timeout", "disconnect"), "retry"),
    **dict.fromkeys(("http_429", "http_5xx"), "retry"),
}
TERMINAL = frozenset(
    (
        *KEPT,
        *("redirect_same_host", "redirect_cross_host", "redirect_loop", "redirect_too_many"),
        *("redirect_bad_target", "redirect_denied"),
        *("skip_scheme", "skip_port", "skip_budget", "url_invalid", "url_too_long"),
        *("robots_disallow", "robots_delay_too_long"),
        *("optout_content_usage", "optout_content_signal", "optout_x_robots"),
        *("optout_meta", "optout_tdm", "optout_rsl"),
        *("dns_nxdomain", "dns_no_address", "ip_denied"),
        *("tls_verify", "too_slow", "total_timeout"),
        *("protocol_status", "protocol_header", "headers_too_large", "protocol_length", "protocol_chunk"),
        *("protocol_not_http", "http_401", "http_403", "http_404", "http_410", "http_4xx", "http_other"),
        *("content_type_unwanted", "content_coding_unknown", "content_coding_corrupt", "decompression_bomb"),
        *("empty_body", "internal_error"),
    )
)
NAMES = TERMINAL | TRANSIENT.keys()
# Outcomes that count as a failure of the host, which is then left alone for longer.
TROUBLE = frozenset(TRANSIENT) - {"deferred_host_backoff", "robots_unreachable"}
NAMED_STATUSES = frozenset((401, 403, 404, 410, 429))


def of_status(status: int) -> str:
    """Returns the outcome of a status whose body is not kept.

    >>> of_status(404), of_status(418), of_status(503), of_status(204)
    ('http_404', 'http_4xx', 'http_5xx', 'http_other')
    """
    if status in NAMED_STATUSES:
        return f"http_{status}"
    return f"http_{status // 100}xx" if status // 100 in (4, 5) else "http_other"


def next_step(outcome: str) -> Next:
    """Returns the next step for a URL with this outcome."""
    return TRANSIENT.get(outcome, "end")

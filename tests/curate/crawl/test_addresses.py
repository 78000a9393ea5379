"""The deny table of addresses, networks that open it, and --resolve."""

from contextlib import suppress
from ipaddress import IPv4Network, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.crawl.addresses import (
    DENIED,
    EMBEDDED,
    denied,
    denied_host,
    denied_port,
    embedded,
    parse_cidrs,
    parse_resolve,
)


@pytest.mark.parametrize("network", DENIED)
def test_the_first_and_last_address_of_each_entry_are_denied(network):
    for address in (ip_network(network)[0], ip_network(network)[-1]):
        assert denied(str(address))


@pytest.mark.parametrize(
    "address",
    [
        *("64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::127.0.0.1", "192.0.0.192", "168.63.129.16", "fec0::1", "ff02::1"),
        *(
            "169.254.169.254",
            "100.100.100.200",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:10.0.0.1",
            "::ffff:0:10.0.0.1",
        ),
        *("0.0.0.0", "127.1.2.3", "255.255.255.255", "::", "::1", "2001:0:1::1", "64:ff9b:1::a00:1", "::8.8.8.8"),
        *(
            "fe80::1%eth0",
            "2606:4700::1%1",
            "4000::1",
            "1::1",
            "",
            "localhost",
            "127.1",
            "0x7f000001",
            "010.0.0.1",
            "8.8.8.8/32",
        ),
    ],
)
def test_what_python_calls_global_or_no_address_is_denied_too(address):
    assert denied(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450::1", "100.128.0.1"]
)
def test_a_public_address_is_not_denied(address):
    assert denied(address) is None


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("169.254.169.254", "metadata service (AWS, Azure, Google Cloud and others)"),
        ("169.254.1.1", "link-local (RFC 3927)"),
        ("::ffff:127.0.0.1", "v4-mapped (RFC 4291, 2.5.5.2), holding 127.0.0.1: loopback (RFC 1122, 3.2.1.3)"),
        ("64:ff9b::8.8.8.8", "NAT64 (RFC 6052)"),
        ("fec0::1", "site-local (RFC 3879)"),
        ("4000::1", "not given out (RFC 4291, 2.4)"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo (RFC 4380), holding 192.0.2.45: documentation (RFC 5737)"),
    ],
)
def test_the_reason_is_that_of_the_narrowest_entry_and_of_the_address_inside(address, reason):
    assert denied(address) == reason


@pytest.mark.parametrize(
    ("address", "inner"),
    [
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("64:ff9b::102:304", "1.2.3.4"),
        ("2002:102:304::9", "1.2.3.4"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.45"),
        ("::1", None),
        ("2606::1", None),
        ("1.2.3.4", None),
    ],
)
def test_the_v4_address_inside_a_v6_one(address, inner):
    v4 = embedded(ip_address(address))
    assert (v4 and str(v4)) == inner


@given(st.ip_addresses(v=4))
def test_every_v6_form_of_a_v4_address_is_denied(address):
    bits = int(address)
    forms = [
        bits,
        0xFFFF << 32 | bits,
        0xFFFF << 48 | bits,
        0x64FF9B << 96 | bits,
        0x2002 << 112 | bits << 80,
        0x20010000 << 96 | bits ^ 0xFFFFFFFF,
    ]
    for form in forms:
        assert denied(str(IPv6Address(form)))
        if form > 1:
            assert embedded(IPv6Address(form)) == address


@given(st.ip_addresses(v=4))
def test_python_never_denies_what_the_table_lets_pass(address):
    assert denied(str(address)) or (address.is_global and not address.is_multicast)


@given(st.ip_addresses(v=6))
def test_no_v6_address_passes_that_python_denies_or_that_holds_a_v4_one(address):
    if denied(str(address)) is None:
        assert address.is_global
        assert not any(address in network for network, _ in EMBEDDED)


@pytest.mark.parametrize(
    "host", ["localhost", "a.LOCALHOST.", "printer.local", "metadata.google.internal", "intranet", ""]
)
def test_a_local_name_is_not_looked_up(host):
    assert denied_host(host)


@pytest.mark.parametrize(
    "host", ["example.com", "example.com.", "local.example.com", "notlocal.com", "8.8.8.8", "[::1]"]
)
def test_another_name_is_looked_up(host):
    assert denied_host(host) is None


@pytest.mark.parametrize("port", [80, 443, 8080, 1024, 65_535])
def test_a_port_of_the_web_passes(port):
    assert denied_port(port) is None


@pytest.mark.parametrize("port", [0, 22, 25, 81, 1023, 2049, 6667, 10_080, 65_536, -1])
def test_another_port_is_denied(port):
    assert denied_port(port)


def test_allowed_networks_open_the_table_for_what_they_hold_and_no_more():
    allowed = parse_cidrs(["127.0.0.0/8"])
    assert denied("127.0.0.2", allowed) is None
    assert denied("::ffff:127.0.0.2", allowed) is None  # the same address to a socket
    assert denied("::1", allowed)
    assert denied("10.0.0.1", allowed)
    assert denied("64:ff9b::127.0.0.2", allowed)
    assert denied("fd00::1", parse_cidrs(["fd00::/8"])) is None


def test_networks_are_read():
    assert parse_cidrs([" 10.0.0.0/8 ", "fd00::/8", "127.0.0.1"])[0] == IPv4Network("10.0.0.0/8")
    assert parse_cidrs([]) == ()


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "x", "", "10.0.0.0/8,fd00::/8"])
def test_what_is_no_network_is_named(text):
    with pytest.raises(ValueError, match="is not a network like") as error:
        parse_cidrs([text])
    assert repr(text) in str(error.value)


def test_resolve_reads_what_curl_does(tmp_path):
    listed = tmp_path / "hosts"
    listed.write_text("# comment\nc.example:80:127.0.0.3\n\n  d.example:80:127.0.0.4  \n")
    assert parse_resolve(
        [
            "A.example.:80:127.0.0.1",
            "a.example:443:[::1],127.0.0.2",
            "b.example:80:::2",
            f"@{listed}",
            "a.example:80:127.0.0.9",
        ]
    ) == {
        ("a.example", 80): ("127.0.0.9",),
        ("a.example", 443): ("::1", "127.0.0.2"),
        ("b.example", 80): ("::2",),
        ("c.example", 80): ("127.0.0.3",),
        ("d.example", 80): ("127.0.0.4",),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.example", "is not HOST:PORT:ADDRESS"),
        ("a.example:80", "is not HOST:PORT:ADDRESS"),
        (":80:127.0.0.1", "is not HOST:PORT:ADDRESS"),
        ("a.example:0:127.0.0.1", "is not HOST:PORT:ADDRESS"),
        ("a.example:65536:127.0.0.1", "is not HOST:PORT:ADDRESS"),
        ("a.example:٨٠:127.0.0.1", "is not HOST:PORT:ADDRESS"),
        ("[::1:80:127.0.0.1", "is not"),
        ("a.example:80:", "is not an address"),
        ("a.example:80:127.0.0.1,", "is not an address"),
        ("a.example:80:b.example", "is not an address"),
        ("*:80:127.0.0.1", "not supported"),
        ("-a.example:80", "not supported"),
        ("+a.example:80:127.0.0.1", "not supported"),
    ],
)
def test_an_entry_that_cannot_be_read_is_refused_by_name(text, message):
    with pytest.raises(ValueError, match=message) as error:
        parse_resolve([text])
    assert repr(text) in str(error.value)


@given(st.text().filter(lambda text: not text.startswith("@")), st.sampled_from([parse_cidrs, parse_resolve]))
def test_any_text_is_read_or_refused(text, read):
    with suppress(ValueError):
        read([text])

"""Addresses, hosts and ports that a crawler never connects to, and addresses that the user gives for names.

The table is explicit: Python's own `is_global` calls NAT64, 6to4 and metadata addresses global. It holds the networks
that IANA's special-purpose registries (RFC 6890) do not call globally reachable, metadata services of clouds, and the
forms in which a v6 address holds a v4 one.
"""

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

from curate import storage

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DENIED = {
    "0.0.0.0/8": "this network (RFC 791, 3.2)",
    "10.0.0.0/8": "private (RFC 1918)",
    "100.100.100.200/32": "metadata service (Alibaba Cloud)",
    "100.64.0.0/10": "carrier-grade NAT (RFC 6598)",
    "127.0.0.0/8": "loopback (RFC 1122, 3.2.1.3)",
    "169.254.169.254/32": "metadata service (AWS, Azure, Google Cloud and others)",
    "169.254.0.0/16": "link-local (RFC 3927)",
    "172.16.0.0/12": "private (RFC 1918)",
    "192.0.0.192/32": "metadata service (Oracle Cloud)",
    "192.0.0.0/24": "protocol assignments (RFC 6890, 2.1)",
    "192.0.2.0/24": "documentation (RFC 5737)",
    "192.88.99.0/24": "6to4 relay (RFC 7526)",
    "192.168.0.0/16": "private (RFC 1918)",
    "198.18.0.0/15": "benchmarking (RFC 2544)",
    "198.51.100.0/24": "documentation (RFC 5737)",
    "203.0.113.0/24": "documentation (RFC 5737)",
    "168.63.129.16/32": "metadata service (Azure)",
    "224.0.0.0/4": "multicast (RFC 5771)",
    "255.255.255.255/32": "broadcast (RFC 919)",
    "240.0.0.0/4": "reserved (RFC 1112, 4)",
    "::/128": "unspecified (RFC 4291, 2.5.2)",
    "::1/128": "loopback (RFC 4291, 2.5.3)",
    "::ffff:0:0/96": "v4-mapped (RFC 4291, 2.5.5.2)",
    "::ffff:0:0:0/96": "v4-translated (RFC 2765)",
    "::/96": "v4-compatible (RFC 4291, 2.5.5.1)",
    "::/8": "reserved (RFC 4291, 2.4)",
    "64:ff9b::/96": "NAT64 (RFC 6052)",
    "64:ff9b:1::/48": "local NAT64 (RFC 8215)",
    "100::/64": "discard (RFC 6666)",
    "100:0:0:1::/64": "dummy prefix (RFC 9780)",
    "2001::/32": "Teredo (RFC 4380)",
    "2001::/23": "protocol assignments (RFC 2928)",
    "2001:db8::/32": "documentation (RFC 3849)",
    "2002::/16": "6to4 (RFC 3056)",
    "3fff::/20": "documentation (RFC 9637)",
    "5f00::/16": "segment routing (RFC 9602)",
    "fd00:ec2::254/128": "metadata service (AWS)",
    "fd20:ce::254/128": "metadata service (Google Cloud)",
    "fc00::/7": "unique local (RFC 4193)",
    "fe80::/10": "link-local (RFC 4291, 2.5.6)",
    "fec0::/10": "site-local (RFC 3879)",
    "ff00::/8": "multicast (RFC 4291, 2.7)",
}
TABLE = tuple((ip_network(network), reason) for network, reason in DENIED.items())
GLOBAL_V6 = IPv6Network("2000::/3")  # all that IANA has assigned (RFC 4291, 2.4)

EMBEDDED: tuple[tuple[IPv6Network, Callable[[int], int]], ...] = (  # where a v6 address holds a v4 one
    (IPv6Network("::/96"), lambda bits: bits),
    (IPv6Network("::ffff:0:0/96"), lambda bits: bits),
    (IPv6Network("::ffff:0:0:0/96"), lambda bits: bits),
    (IPv6Network("64:ff9b::/96"), lambda bits: bits),
    (IPv6Network("64:ff9b:1::/48"), lambda bits: bits),
    (IPv6Network("2002::/16"), lambda bits: bits >> 80),
    (IPv6Network("2001::/32"), lambda bits: ~bits),  # Teredo: the client's address, inverted
)

LOW_PORTS = (80, 443)
BAD_PORTS = frozenset(  # above 1023, of other protocols (WHATWG Fetch, "port blocking")
    (1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080)
)
LOCAL_NAMES = ("localhost", "local", "internal", "localdomain", "home.arpa", "onion")  # RFC 6761, 6762, 8375, 7686


def denied(address: str, allowed: Sequence[Network] = ()) -> str | None:
    """Returns why an address may not be connected to, or None.

    An address in `allowed` may be, and so may the v4-mapped form of an allowed v4 address: a socket takes both as one.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return "not an address"
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        return "has a zone (RFC 4007)"
    v4 = (isinstance(parsed, IPv6Address) and parsed.ipv4_mapped) or parsed
    if any(parsed in network or v4 in network for network in allowed):  # False where the versions differ
        return None
    inner = embedded(parsed)
    reason = _reason(parsed)
    if reason and inner and (inner_reason := _reason(inner)):
        return f"{reason}, holding {inner}: {inner_reason}"
    return reason


def denied_host(host: str) -> str | None:
    """Returns why a name is not looked up, or None; a numeric address is no name and passes."""
    name = host.lower().removesuffix(".")
    if ":" not in name and "." not in name:
        return "a name of one label"
    if any(name == local or name.endswith(f".{local}") for local in LOCAL_NAMES):
        return "a local name"
    return None


def denied_port(port: int) -> str | None:
    """Returns why a port is not connected to, or None."""
    if port in LOW_PORTS or (1024 <= port < 65_536 and port not in BAD_PORTS):
        return None
    return "not a port of the web"


def embedded(address: Address) -> IPv4Address | None:
    """Returns the v4 address that a v6 address stands for, if any."""
    if isinstance(address, IPv6Address) and int(address) > 1:
        for network, shift in EMBEDDED:
            if address in network:
                return IPv4Address(shift(int(address)) & 0xFFFFFFFF)
    return None


def parse_cidrs(texts: Iterable[str]) -> tuple[Network, ...]:
    """Returns networks from their CIDR form. Raises ValueError, which names the invalid text."""
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text.strip()))
        except ValueError:
            raise ValueError(f"{text!r} is not a network like 10.0.0.0/8 or fd00::/8") from None
    return tuple(networks)


def parse_resolve(texts: Iterable[str]) -> dict[tuple[str, int], tuple[str, ...]]:
    """Returns addresses by host and port, from texts as curl's --resolve takes them.

    A text is HOST:PORT:ADDRESS[,ADDRESS…], or @FILE of a file with one a line. The last entry for a host and port
    counts. Raises ValueError on an entry that cannot be read, OSError on a file.
    """
    pinned: dict[tuple[str, int], tuple[str, ...]] = {}
    for text in texts:
        if text.startswith("@"):
            storage.check_file(Path(text[1:]))
            lines = Path(text[1:]).read_text().splitlines()
            pinned |= parse_resolve(line for line in map(str.strip, lines) if line and line[0] not in "#@")
            continue
        host, port, addresses = _parse_entry(text.strip())
        pinned[host, port] = addresses
    return pinned


def _reason(address: Address) -> str | None:
    """Returns the reason of the narrowest entry of the table that holds the address, if any."""
    reasons = [(network.prefixlen, reason) for network, reason in TABLE if address in network]
    if reasons:
        return max(reasons)[1]
    if isinstance(address, IPv6Address) and address not in GLOBAL_V6:
        return "not given out (RFC 4291, 2.4)"
    return None


def _parse_entry(text: str) -> tuple[str, int, tuple[str, ...]]:
    """Returns the host, port and addresses of one entry. Raises ValueError where it is none."""
    if text.startswith(("-", "+", "*")):
        raise ValueError(f"{text!r}: curl's - and + prefixes and its * host are not supported")
    at = text.find(":", text.find("]") if text.startswith("[") else 0)
    host, colon, rest = text[:at], text[at : at + 1], text[at + 1 :]
    port, more, addresses = rest.partition(":")
    if not (host and colon and more and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError(f"{text!r} is not HOST:PORT:ADDRESS")
    given = []
    for address in addresses.split(","):
        bare = address.strip().removeprefix("[").removesuffix("]")
        try:
            given.append(str(ip_address(bare)))
        except ValueError:
            raise ValueError(f"{text!r}: {address!r} is not an address") from None
    return host.lower().rstrip("."), int(port), tuple(given)

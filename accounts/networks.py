"""Which network a request comes from; believed from our own proxy only."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

# One household or office has a whole /64 of IPv6 addresses.
IPV6_PREFIX = 64
UNKNOWN = "unknown"


def client_address(request: HttpRequest) -> str:
    """Return the address of the reader: the last one that no proxy of ours wrote about itself."""
    address = request.META.get("REMOTE_ADDR", "")
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    while address in settings.TRUSTED_PROXIES and hops:
        address = hops.pop()
    return address


def network_of(request: HttpRequest) -> str:
    """Return the network whose tries are counted together; all unreadable addresses are one network."""
    try:
        address = ipaddress.ip_address(client_address(request))
    except ValueError:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)

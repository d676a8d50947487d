"""Addresses of servers, as operators write them."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

SCHEMES = {"http": 80, "https": 443}
"""Their ports."""


def split(url: str) -> SplitResult:
    """The parts of an absolute address. Raises ValueError if it can't be one of a server."""
    target = urlsplit(url)
    is_usable = target.scheme in SCHEMES and target.hostname and target.port != 0
    path = target.path + target.query
    # A user name would be shown with the address; a path is sent as it is.
    if not is_usable or "@" in target.netloc or not re.fullmatch("[!-~]*", path):
        raise ValueError("no address of a server")
    return target

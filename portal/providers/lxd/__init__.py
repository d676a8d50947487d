"""LXD by its REST API, with a client certificate that may do everything."""

from portal.providers.lxd.provider import Lxd
from portal.providers.lxd.session import Settings

"""`flask work` with short times, so that a run takes minutes in place of hours.

The product has no setting for these times: they are replaced here, before the worker starts. With
`--control` it does not mark a mail before the final dot, so that a run must find mails sent twice.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from flask.cli import main

from portal.domain import circuit_breakers, mail_deliveries
from portal.domain.jobs import Kind, claims
from portal.domain.mail_deliveries import handover
from portal.domain.notifications import mails
from portal.mail import smtp
from portal.providers import openstack
from portal.providers.contract import Provider
from portal.providers.http_client import HttpClient
from portal.providers.webhook import Webhook
from portal.worker import job_kinds, loop, providers

CONTROL = "--control"
CLOUD, CLOUD_KIND = "CHAOS_CLOUD", "program"
"""The variable with the URL and the secret of a webhook program, or with an object of settings of
a Keystone; the kind of the connection."""
SECOND = timedelta(seconds=1)
LEASE, REPLY_WAIT, REPLY_LEASE = 4 * SECOND, 3 * SECOND, 6 * SECOND
KEYSTONE_LEASE = 20 * SECOND
"""An access takes some seconds there."""
TIMES: tuple[tuple[Any, str, Any], ...] = (
    (handover, "LEASE", LEASE),
    (handover, "REPLY_LEASE", REPLY_LEASE),
    (smtp, "REPLY_WAIT", REPLY_WAIT),
    (smtp, "REPEATABLE_REPLY_WAIT", REPLY_WAIT),
    (smtp, "TRANSMISSION_WAIT", 2 * SECOND),
    (claims, "RETRY_AFTER", tuple(SECOND * n for n in (0.5, 1, 1, 2, 2, 2))),
    (circuit_breakers, "PROBE_EVERY", 2 * SECOND),
    (mails, "DIGEST_WAIT", 2 * SECOND),
    (loop, "IDLE_SECONDS", 0.3),
)


def shorten_times() -> None:
    for module, name, value in TIMES:
        if not hasattr(module, name):
            raise AttributeError(f"{module.__name__} has no {name} any more")
        setattr(module, name, value)
    for kind, handler in job_kinds.HANDLERS.items():
        lease = REPLY_LEASE if kind.startswith("mail") else LEASE
        if kind == Kind.CLOUDS and is_keystone():
            lease = KEYSTONE_LEASE
        job_kinds.HANDLERS[kind] = handler._replace(lease=lease)


def is_keystone() -> bool:
    return os.environ.get(CLOUD, "").startswith("{")


def connect_cloud(*_values: object) -> Provider:
    """A connection to the Keystone or the webhook program that the environment names."""
    http = HttpClient(allowed=[ip_network("127.0.0.0/8")])
    if is_keystone():
        return openstack.OpenStack(http, openstack.Settings(**json.loads(os.environ[CLOUD])))
    url, secret = os.environ[CLOUD].split()
    return Webhook(url, secret, http)


def times_in_force() -> str:
    """What the code uses now, in one line."""
    times = {f"{module.__name__}.{name}": str(getattr(module, name)) for module, name, _ in TIMES}
    times |= {
        f"lease of {kind}": str(handler.lease) for kind, handler in job_kinds.HANDLERS.items()
    }
    return json.dumps(times)


if __name__ == "__main__":
    shorten_times()
    if CONTROL in sys.argv:
        mail_deliveries.mark_transmitting = lambda *_claimed: True
    if CLOUD in os.environ:
        providers.PROVIDERS[CLOUD_KIND] = connect_cloud
    print(times_in_force(), flush=True)
    sys.argv = ["flask", "--app", "wsgi", "work"]
    main()

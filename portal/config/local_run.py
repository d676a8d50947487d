"""Local runs: whether only this machine can reach the portal, and where its mails are kept then."""

from __future__ import annotations

from pathlib import Path

from portal.config import hosts
from portal.config import settings as definitions
from portal.config.hosts import LOOPBACK
from portal.config.settings import Settings


def mailbox_dir(settings: Settings) -> Path | None:
    """The folder of the mailbox; None if a relay is set, in production, or if other machines can
    reach the portal."""
    if settings.mail_server or settings.portal_env == "production":
        return None
    return definitions.ROOT / settings.mailbox_dir if settings.host in LOOPBACK else None


def is_only_for_this_machine(settings: Settings) -> bool:
    """Whether this is a local run that listens on a loopback address and has its URL there."""
    external = hosts.host_of(settings.external_url).strip("[]")
    is_loopback = settings.host in LOOPBACK and external in LOOPBACK
    return settings.portal_env == "local" and is_loopback

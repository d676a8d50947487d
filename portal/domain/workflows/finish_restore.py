"""Finish a restore: park work that may have been done since the backup, end sessions and links."""

from __future__ import annotations

from typing import NamedTuple

from portal import db
from portal.domain import (
    customers,
    heartbeats,
    identity,
    installation,
    jobs,
    mail_deliveries,
    memberships,
)
from portal.domain.actors import COMMAND


class Parked(NamedTuple):
    """Numbers of the jobs that a restore parked by kind, and, of these, of invitations whose
    delivery is unknown."""

    by_kind: dict[str, int]
    unknown: int


def finish_restore() -> Parked:
    """After a restore, end all sessions, make links in earlier mails invalid, withdraw accesses
    that may have been shown since the backup, and park all work but upkeep and orders that take
    access away. Partners are notified of each invitation that may have left since the backup. Then
    the database can be used. Called in `db.write(…, while_restoring=True)`."""
    db.end_restoring()
    identity.end_all_sessions(by=COMMAND, why="restored")
    installation.renew_link_epoch()
    heartbeats.delete_all()
    memberships.withdraw_unseen()
    customers.queue_possible_resends()  # first: they are parked as well
    by_kind = jobs.park_restored()
    delivery_ids = mail_deliveries.park_restored()
    for delivery_id in delivery_ids:
        customers.notify_of_delivery(mail_deliveries.get(delivery_id))
    return Parked(by_kind, len(delivery_ids))

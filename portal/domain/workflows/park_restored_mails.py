"""Park mails after a restore: those that may have left since the backup; partners are notified."""

from __future__ import annotations

from portal.domain import customers, mail_deliveries


def park_restored_mails() -> list[str]:
    """After a restore, park each invitation's mail that may have left since the backup, and notify
    its partner with the reason. Returns the IDs of the deliveries."""
    customers.queue_possible_resends()  # first: they are parked as well
    delivery_ids = mail_deliveries.park_restored()
    for delivery_id in delivery_ids:
        customers.notify_of_delivery(mail_deliveries.get(delivery_id))
    return delivery_ids

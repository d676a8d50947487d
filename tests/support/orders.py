"""Orders in tests: queue and claim some, each step in its own unit of work."""

from __future__ import annotations

from portal import db
from portal.domain import jobs
from portal.domain.jobs import Job, Kind, OrderKind


def queue_order(kind: OrderKind, subject: str = "b1gx", *, connection_id: str = "conx") -> str:
    """Queue an order; its ID."""
    return db.write(lambda: jobs.add_order(kind, subject, connection_id=connection_id).id)


def claim_order(kind: OrderKind, subject: str = "b1gx", *, connection_id: str = "conx") -> str:
    """Queue an order, and claim the next one, which must be it; its ID."""
    order_id = queue_order(kind, subject, connection_id=connection_id)

    def claim() -> None:
        claimed = jobs.claim_next(Kind.CLOUDS)
        assert claimed is not None
        assert claimed.id == order_id

    db.write(claim)
    return order_id


def job(order_id: str) -> Job:
    """The order's job as it is now."""
    return db.read(lambda: db.session.get_one(Job, order_id))


def states(*order_ids: str) -> list[str]:
    """The states of these orders."""
    return [str(job(order_id).state) for order_id in order_ids]

"""Key the audit log: lines that follow are made with the newest key."""

from __future__ import annotations

from sqlalchemy import select

from portal import db
from portal.domain import audit
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.audit import AuditHead

BATCH = 500
"""Chains that are locked at a time."""


def key_audit_log(*, by: Actor) -> int:
    """Key a batch of the chains that do not have the newest key, the installation's last; return
    how many. The key must be configured.

    Once the installation's chain is keyed, a plain chain was cut off: it stays plain, so that
    verification finds it.
    """
    key_id = audit.newest_id()
    query = (
        select(AuditHead.chain)
        .where(AuditHead.seq > 0, ~AuditHead.hash.startswith(f"{key_id}:"))
        .order_by(AuditHead.chain == audit.INSTALLATION, AuditHead.chain)
        .limit(BATCH)
    )
    if audit.key_id_of(db.session.get_one(AuditHead, audit.INSTALLATION).hash):
        query = query.where(AuditHead.hash.contains(":"))
    chains = db.session.scalars(query).all()
    for chain in chains:
        audit.record(Action.AUDIT_KEYED, by=by, chain=chain, thing=chain, key=key_id)
    return len(chains)

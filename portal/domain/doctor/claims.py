"""Checks of claims and drift: both are about clouds of their own connection."""

from __future__ import annotations

from sqlalchemy import select

from portal.domain.claims import Claim
from portal.domain.clouds import Cloud
from portal.domain.doctor.check import Query, select_check
from portal.domain.drift import Drift


@select_check("claims", "It was verified as the cloud {1}, which is of another connection.")
def claim_of_another_connection() -> Query:
    query = select(Claim.id, Cloud.id).join(Cloud, Cloud.id == Claim.cloud_id)
    return query.where(Cloud.connection_id != Claim.connection_id)


@select_check("claims", "It is about the cloud {1}, which is of another connection.")
def drift_of_another_connection() -> Query:
    query = select(Drift.id, Cloud.id).join(Cloud, Cloud.id == Drift.cloud_id)
    return query.where(Cloud.connection_id != Drift.connection_id)

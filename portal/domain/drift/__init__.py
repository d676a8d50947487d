"""Drift: what a connection has, compared with what the portal has carried out there.

A worker lists all clouds of a connection and compares. Nothing is undone silently: operators decide
each difference, and assign the clouds that only the connection has.
"""

from portal.domain.drift.comparing import (
    BATCH,
    There,
    begin,
    compare_next,
    record_end,
    record_fault,
    store,
)
from portal.domain.drift.deciding import (
    adopt,
    assign,
    check_again,
    order_comparison,
    queue_reconcile,
    reconcile_all,
    restore,
)
from portal.domain.drift.listing import (
    PAGE,
    DriftRow,
    drift_for,
    find_drift,
    foreign_cloud,
    foreign_clouds,
    numbers_by_connection,
    reconciliation_of,
    refusal_to_get_access,
    suspended_since,
)
from portal.domain.drift.record import (
    ADOPTABLE,
    RESTORABLE,
    Drift,
    DriftKind,
    FoundCloud,
    Reconciliation,
)

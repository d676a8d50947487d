"""Jobs: work that is done outside of a request, at least once, in lanes.

A job commits with the change that caused it. A worker claims it with a random token and a lease; if
the worker dies, the job is settled as soon as that is known, at the latest when the lease ends. A
lane is a key: one job of a key runs at a time, which a unique index guarantees.
"""

from portal.domain.jobs.claims import (
    GIVE_UP_AFTER,
    JITTER,
    LEASE,
    RETRY_AFTER,
    WORKER_DIED,
    Outcome,
    claim_next,
    extend_lease,
    finish,
    has_lost_its_workers,
    has_work,
    lock,
    lock_lost,
    new_token,
    outcome_of_fault,
    outcome_of_unreadable,
    retry_wait,
    settle_lost,
    wake,
)
from portal.domain.jobs.dead_workers import (
    DEAD_AFTER,
    end_leases_of_dead_workers,
    is_orphaned,
)
from portal.domain.jobs.orders import (
    CLOUD_LANE,
    add_order,
    cancel_orders,
    cloud_lane,
    is_parked,
    numbers_for_person,
    waits_for_person,
)
from portal.domain.jobs.record import (
    AGREED_UPKEEP,
    CLOSE,
    ENDINGS,
    MONTHS,
    OPEN_STATES,
    REPLACED,
    RESTORED,
    RETENTION,
    SETTLE,
    TAKING_ACCESS_AWAY,
    UNREADABLE,
    Job,
    Kind,
    OrderKind,
    State,
    add,
    add_recurring,
    cancel,
    end_cancelled,
    is_lane_parked,
    kind_of,
    park_restored,
    purge_expired,
    requeue,
    takes_access_away,
    upkeep_lane,
)

"""Jobs: work that is done outside of a request, at least once, in lanes.

A job commits with the change that caused it. A worker claims it with a random token and a lease; if
the worker dies, the job is settled when the lease ends. A lane is a key: one job of a key runs at a
time, which a unique index guarantees.
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
    retry_wait,
    settle_lost,
    wake,
)
from portal.domain.jobs.orders import (
    CLOUD_LANE,
    add_order,
    cancel_orders,
    cloud_lane,
    is_parked,
)
from portal.domain.jobs.record import (
    OPEN_STATES,
    REPLACED,
    RESTORED,
    RETENTION,
    TAKING_ACCESS_AWAY,
    Job,
    Kind,
    OrderKind,
    State,
    add,
    add_recurring,
    cancel,
    end_cancelled,
    kind_of,
    park_restored,
    purge_expired,
    requeue,
    takes_access_away,
)

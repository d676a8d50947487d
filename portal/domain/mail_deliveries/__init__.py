"""Mail deliveries: mails to the outside, kept until they are delivered.

A delivery commits with the change that caused it; a job leads a worker to it. The worker claims
both with a random token and a lease, and marks the delivery `transmitting` just before SMTP's final
dot, the last moment at which the mail has certainly not left. The mark is a compare-and-set by
token, so a paused or late worker notices that it has lost the delivery. A mail that is sent at most
once (`is_once`) leaves `transmitting` only by a reply; without one it becomes `unknown` and is
never retried.
"""

from portal.domain.jobs import GIVE_UP_AFTER
from portal.domain.mail_deliveries.handover import (
    LEASE,
    REPLY_LEASE,
    REPLY_WAIT,
    claim_next,
    mark_transmitting,
    record_no_reply,
    record_not_handed_over,
    record_refused,
    record_sent,
    settle_lost,
)
from portal.domain.mail_deliveries.pending import lock_pending, lock_untried
from portal.domain.mail_deliveries.record import (
    FAULT,
    KINDS,
    NOT_DELIVERED,
    OPEN_STATES,
    RESTORED,
    WORKER_DIED,
    DeliveryState,
    MailDelivery,
    add,
    get,
    lane_of,
    latest,
)
from portal.domain.mail_deliveries.resolution import (
    CANCELLED_BY_OPERATOR,
    cancel,
    cancel_by_operator,
    park_restored,
    record_answered,
    record_arrived,
    record_not_arrived,
    requeue,
)
from portal.domain.mail_deliveries.retention import (
    RETENTION,
    delete_pending,
    erase,
    purge_expired,
)

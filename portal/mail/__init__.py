"""Mail: render a delivery as a message, and hand it over to the relay."""

from portal.mail.message import SIGNED_LINKS, extension, render
from portal.mail.smtp import (
    ClaimLost,
    HandoverFailed,
    MalformedRecipient,
    NotHandedOver,
    OutcomeUnknown,
    RefusedByRelay,
    Reply,
    hand_over,
)

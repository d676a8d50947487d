"""Notifications of changes, in the application and by mail.

A notification commits with its change; its mail is sent at least once. Each user can switch off
each kind on each channel.
"""

from portal.domain.notifications.inbox import (
    PAGE,
    RETENTION,
    UNREAD_COUNT_LIMIT,
    count_unread,
    mark_read,
    notifications_for,
    purge_expired,
)
from portal.domain.notifications.mails import DIGEST_WAIT, MAIL, MAILS_PER_SENDER, MAX_ENTRIES
from portal.domain.notifications.mails import cancel as cancel_mails
from portal.domain.notifications.notifying import erase, notify
from portal.domain.notifications.preferences import PREFERENCES, muted_by, set_preferences
from portal.domain.notifications.record import (
    CONSOLE,
    Channel,
    Kind,
    MutedNotification,
    Notification,
    Target,
    TargetKind,
)

"""What is only kept for a while: it is dropped when nobody can use it any more."""

from __future__ import annotations

from sqlalchemy import delete

from portal import db
from portal.domain import locks
from portal.domain.identity.email_change import EMAIL_CHANGE_LIFETIME, EmailChange
from portal.domain.identity.rate_limits import RateLimitCounter
from portal.domain.identity.session import (
    SAVED_FORM_LIFETIME,
    SESSION_LIFETIME,
    SavedForm,
    UserSession,
)
from portal.domain.identity.sign_up import SIGN_UP_LIFETIME, SignUp


def purge_expired() -> None:
    """Mails nobody answered, dead sessions, kept forms and counted tries are dropped."""
    now = db.now()
    for stale in (
        SignUp.created_at < now - SIGN_UP_LIFETIME,
        EmailChange.created_at < now - EMAIL_CHANGE_LIFETIME,
        SavedForm.created_at < now - SAVED_FORM_LIFETIME,
        UserSession.created_at < now - SESSION_LIFETIME,
        RateLimitCounter.until_at < now,
    ):
        table = stale.left.table
        (key,) = table.primary_key
        rows = locks.rows(key, stale, skip_locked=True)  # or it waits for who is at them
        db.session.execute(delete(table).where(key.in_(rows)))

"""Retention: purge expired sign-ups, e-mail changes, sessions, saved forms and counters."""

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
    """Delete rows that have expired; those that are locked now are left for the next run."""
    now = db.now()
    for is_expired in (
        SignUp.created_at < now - SIGN_UP_LIFETIME,
        EmailChange.created_at < now - EMAIL_CHANGE_LIFETIME,
        SavedForm.created_at < now - SAVED_FORM_LIFETIME,
        UserSession.created_at < now - SESSION_LIFETIME,
        RateLimitCounter.until_at < now,
    ):
        table = is_expired.left.table
        (key,) = table.primary_key
        keys = locks.select_for_update(key, is_expired, skip_locked=True)
        db.session.execute(delete(table).where(key.in_(keys)))

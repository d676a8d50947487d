"""Retention: purge expired sign-ups, e-mail changes, sessions, saved forms and counters."""

from __future__ import annotations

from portal import db
from portal.domain import retention
from portal.domain.identity.address_look_ups import MISS_WINDOW, AddressMiss
from portal.domain.identity.email_change import EMAIL_CHANGE_LIFETIME, EmailChange
from portal.domain.identity.rate_limits import RateLimitCounter
from portal.domain.identity.session import (
    SAVED_FORM_LIFETIME,
    SESSION_LIFETIME,
    SavedForm,
    UserSession,
)
from portal.domain.identity.sign_up import SIGN_UP_LIFETIME, SignUp


def purge_expired() -> bool:
    """Delete a batch of rows that have expired, of each model. Return whether there may be more."""
    now = db.now()
    expired = (
        (SignUp, SignUp.created_at < now - SIGN_UP_LIFETIME),
        (EmailChange, EmailChange.created_at < now - EMAIL_CHANGE_LIFETIME),
        (SavedForm, SavedForm.created_at < now - SAVED_FORM_LIFETIME),
        (UserSession, UserSession.created_at < now - SESSION_LIFETIME),
        (AddressMiss, AddressMiss.missed_at < now - MISS_WINDOW),
        (RateLimitCounter, RateLimitCounter.until_at < now),
    )
    return any(retention.delete_batch(model, is_expired) for model, is_expired in expired)

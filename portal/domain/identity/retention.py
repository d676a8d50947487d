"""What is only kept for a while: it is dropped when nobody can use it any more."""

from __future__ import annotations

from sqlalchemy import delete

from portal import db
from portal.domain.identity.email_change import EMAIL_CHANGE_LASTS, EmailChange
from portal.domain.identity.rate_limits import Tries
from portal.domain.identity.session import (
    KEPT_FORM_LASTS,
    SESSION_LONGEST,
    KeptForm,
    UserSession,
)
from portal.domain.identity.sign_up import SIGN_UP_LASTS, SignUp


def forget_old() -> None:
    """Mails nobody answered, dead sessions, kept forms and counted tries are dropped."""
    now = db.now()
    for stale in (
        SignUp.created_at < now - SIGN_UP_LASTS,
        EmailChange.created_at < now - EMAIL_CHANGE_LASTS,
        KeptForm.created_at < now - KEPT_FORM_LASTS,
        UserSession.created_at < now - SESSION_LONGEST,
        Tries.until_at < now,
    ):
        db.session.execute(delete(stale.left.table).where(stale))

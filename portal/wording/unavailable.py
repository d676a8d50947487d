"""Wording of an unavailable database: what happened, whether anything was saved, what to do."""

from __future__ import annotations

from flask_babel import gettext

from portal.db import Reason, Unavailable


def _(text: str) -> str:
    return str(gettext(text))


def title(error: Unavailable) -> str:
    """Return the heading of the page."""
    return {
        Reason.BUSY: _("Too many changes at once"),
        Reason.FULL: _("No space to save changes"),
        Reason.READ_ONLY: _("Changes can’t be saved now"),
        Reason.AWAY: _("The database can’t be reached"),
        Reason.RESTORING: _("The portal is being restored"),
        Reason.KEY_MISSING: _("Changes can’t be saved now"),
    }[error.reason]


def what_happened(error: Unavailable) -> str:
    """Return why the request failed."""
    return {
        Reason.BUSY: _("The database is busy saving other changes."),
        Reason.FULL: _("The database has no space left."),
        Reason.READ_ONLY: _("The database accepts no changes now."),
        Reason.AWAY: _("The portal works, but its database does not answer."),
        Reason.RESTORING: _("The portal is being restored from a backup."),
        Reason.KEY_MISSING: _("The key of the portal’s audit log is missing."),
    }[error.reason]


def what_was_saved(error: Unavailable) -> str:
    """Return whether the changes of the request were saved."""
    if error.may_be_saved:
        return _("Your changes may have been saved. Sending them again won’t save them twice.")
    return _("Nothing was saved.")


def what_to_do(error: Unavailable) -> str:
    """Return when to try again, and whom to ask."""
    if error.reason is Reason.BUSY:
        return _("Wait a few seconds, then try again.")
    return _("Try again in a few minutes. If this goes on, ask the operator of this portal.")

"""Wording of drift: what differs at a connection, and what deciding it does."""

from __future__ import annotations

from flask_babel import gettext as _

from portal.domain.drift import DriftKind, DriftRow, Reconciliation
from portal.wording import faults


def sentence(row: DriftRow) -> str:
    """Return what differs."""
    theirs = row.drift.theirs
    sentences = {
        DriftKind.MISSING: _("The connection does not have it any more."),
        DriftKind.DOUBLED: _(
            "%(id)s is marked as this cloud, too. Delete one of them there, or take the mark off.",
            id=row.drift.external_id,
        ),
        DriftKind.RENAMED: _("It is named %(name)s there.", name=theirs),
        DriftKind.SUSPENDED: _("It is suspended there, and the account that pays is not."),
        DriftKind.RESUMED: _("It is not suspended there, and the account that pays is."),
        DriftKind.ROLE: _(
            "%(who)s has a role there that was not given here. To take it away, do it there.",
            who=theirs,
        ),
    }
    return str(sentences[row.drift.kind])


def consequence(row: DriftRow, *, is_ours: bool) -> str:
    """Return what a decision does."""
    restoring = {
        DriftKind.MISSING: _(
            "Another cloud is created there, empty. Who had access takes it again."
        ),
        DriftKind.RENAMED: _("The name of the portal is set there."),
        DriftKind.SUSPENDED: _("The cloud is resumed there."),
        DriftKind.RESUMED: _("The cloud is suspended there."),
    }
    adopting = {
        DriftKind.MISSING: _("The cloud is closed here at once, and can’t be restored."),
        DriftKind.RENAMED: _("The cloud is renamed here."),
        DriftKind.ROLE: _("The role stays there, and is not shown here again."),
    }
    return str((restoring if is_ours else adopting)[row.drift.kind])


def fault(last: Reconciliation) -> str:
    """Return why the last comparison failed; empty if it did not."""
    return faults.sentence(last.fault or "", last.fault_facts)

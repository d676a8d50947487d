"""Wording of drift: what differs at a connection, and what deciding it does."""

from __future__ import annotations

from flask_babel import gettext as _

from portal.domain.drift import DriftKind, DriftRow, Reconciliation
from portal.wording import faults, labels

ROLES = {code.rpartition(".")[2]: label for code, label in labels.CLOUD_ROLES.items()}
"""The labels of roles by what connections report."""


def sentence(row: DriftRow) -> str:
    """Return what differs."""
    theirs = row.drift.theirs
    who = theirs if row.member is None else f"{row.member} ({theirs})"
    sentences = {
        DriftKind.MISSING: _("The connection does not have it any more."),
        DriftKind.DOUBLED: _("%(id)s is marked as this cloud, too.", id=row.drift.external_id),
        DriftKind.RENAMED: _("It is named %(name)s there.", name=theirs),
        DriftKind.SUSPENDED: _("It is suspended there, and the account that pays is not."),
        DriftKind.RESUMED: _("It is not suspended there, and the account that pays is."),
        DriftKind.ROLE: _("%(who)s has a role there that was not given here.", who=who),
        DriftKind.LOST_ROLE: _("%(who)s has lost there the role that was given here.", who=who),
        DriftKind.CHANGED_ROLE: _(
            "The role of %(who)s was changed there. It allows as much as %(theirs)s; here it is"
            " %(ours)s.",
            who=who,
            theirs=ROLES.get(row.drift.role),
            ours=labels.role(row.role) if row.role else "—",
        ),
    }
    return str(sentences[row.drift.kind])


def by_hand(row: DriftRow) -> str:
    """Return how to make by hand the decision that the portal can't carry out."""
    sentences = {
        DriftKind.DOUBLED: _("Delete one of the two there, or take the mark off the wrong one."),
        DriftKind.SUSPENDED: _("To leave it suspended, have the partner suspend the customer."),
        DriftKind.RESUMED: _("To leave it running, have the partner resume the customer."),
        DriftKind.ROLE: _("The connection did not make this person: take the role away there."),
        DriftKind.LOST_ROLE: _("To leave it so, have an owner of the cloud revoke the role."),
    }
    return str(sentences[row.drift.kind])


def consequence(row: DriftRow, decision: str) -> str:
    """Return what a decision does: `adopt`, `restore` or `done`."""
    restoring = {
        DriftKind.MISSING: _(
            "Another cloud is created there, empty. Who had access takes it again."
        ),
        DriftKind.RENAMED: _("The name of the portal is set there."),
        DriftKind.SUSPENDED: _("The cloud is resumed there."),
        DriftKind.RESUMED: _("The cloud is suspended there."),
        DriftKind.ROLE: _("All access of this person to the cloud is revoked there."),
        DriftKind.LOST_ROLE: _("The role is given there again. The person takes access again."),
        DriftKind.CHANGED_ROLE: _("The role of the portal is given there again, and no other."),
    }
    adopting = {
        DriftKind.MISSING: _("The cloud is closed here at once, and can’t be restored."),
        DriftKind.RENAMED: _("The cloud is renamed here."),
        DriftKind.ROLE: _("The role stays there, and is not shown here again."),
        DriftKind.CHANGED_ROLE: _(
            "The role stays as it is there, until it is changed here or there."
        ),
    }
    if decision == "done":
        return str(_("The connection is compared again. What still differs stays in the list."))
    return str((restoring if decision == "restore" else adopting)[row.drift.kind])


def fault(last: Reconciliation) -> str:
    """Return why the last comparison failed; empty if it did not."""
    return faults.sentence(last.fault or "", last.fault_facts)

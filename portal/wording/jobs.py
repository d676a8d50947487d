"""Wording of jobs: their states and subjects, and the last answer."""

from __future__ import annotations

from flask_babel import gettext, lazy_gettext, lazy_pgettext

from portal.domain import prices
from portal.domain.heartbeats import ProcessKind
from portal.domain.jobs import UNREADABLE, OrderKind, State
from portal.domain.work import LISTED_STATES, JobRow
from portal.wording import faults, labels


def _(text: str, **facts: object) -> str:
    return str(gettext(text, **facts))


STATES = {
    State.WAITING: lazy_pgettext("jobs", "Waiting"),
    State.RUNNING: lazy_pgettext("jobs", "Running"),
    State.FAILED: lazy_pgettext("jobs", "Failed"),
    State.PARKED: lazy_pgettext("jobs", "Parked"),
    State.DONE: lazy_pgettext("jobs", "Done"),
    State.CANCELLED: lazy_pgettext("jobs", "Cancelled"),
}

LISTED = {str(state): STATES[state] for state in LISTED_STATES}
"""The states that have a list, by their codes."""

PROCESSES = {
    ProcessKind.WEB: lazy_gettext("Web server"),
    ProcessKind.WORKER: lazy_gettext("Worker"),
}

MAILS = {
    "account-exists": lazy_gettext("Sign-up of an address that has an account"),
    "email-change": lazy_gettext("Verification of a changed address"),
    "email-changed": lazy_gettext("Notice to a former address"),
    "operator-alert": lazy_gettext("Alert to operators"),
    "notice": lazy_gettext("Notification"),
    "password-reset": lazy_gettext("Password reset"),
    "test": lazy_gettext("Test mail"),
    "verification": lazy_gettext("Verification of a new address"),
}
"""What the kinds of mail are for, but for invitations."""

UPKEEP = {
    "close-clouds": lazy_gettext("Close clouds whose days to restore them are over"),
    "close-months": lazy_gettext("Close months, and make their statements"),
    "notify-of-lots": lazy_gettext("Say when grants are used up or expire"),
    "watch-budgets": lazy_gettext("Say when budgets are used up, and take their steps"),
    "audit-heads": lazy_gettext("Log the heads of the audit log"),
    "doctor": lazy_gettext("Check of the data"),
    "end-partnerships": lazy_gettext("End partnerships whose day has come"),
    "purge-callbacks": lazy_gettext("Delete old callbacks of webhook programs"),
    "purge-charges": lazy_gettext("Delete abandoned drafts of charges"),
    "purge-claims": lazy_gettext("Delete old registrations of existing clouds"),
    "purge-feedback": lazy_gettext("Delete old feedback"),
    "purge-heartbeats": lazy_gettext("Delete old heartbeats"),
    "purge-idempotency-keys": lazy_gettext("Delete old form keys"),
    "purge-identity": lazy_gettext("Delete old sign-ups, sessions and saved forms"),
    "purge-imports": lazy_gettext("Delete old imports"),
    "purge-jobs": lazy_gettext("Delete old jobs"),
    "purge-memberships": lazy_gettext("Delete old accesses to clouds"),
    "purge-mails": lazy_gettext("Delete old mails"),
    "fetch-usage": lazy_gettext("Order usage of connections that is due"),
    "purge-samples": lazy_gettext("Delete old samples of usage"),
    "reconcile": lazy_gettext("Compare all connections with the portal"),
    "revoke-closed": lazy_gettext("Take away access to closed clouds"),
    "settle-memberships": lazy_gettext("Order roles on clouds that took effect"),
    "withdraw-accesses": lazy_gettext(
        "Withdraw accesses that were not seen, or whose time is over"
    ),
    "purge-notifications": lazy_gettext("Delete old notifications"),
    "purge-usage": lazy_gettext("Delete old rows of usage"),
}

ORDERS = {
    OrderKind.TEST: lazy_gettext("Test the connection %(name)s"),
    OrderKind.ENSURE: lazy_gettext("Create the cloud %(name)s"),
    OrderKind.CHANGE: lazy_gettext("Change the cloud %(name)s"),
    OrderKind.LIMIT: lazy_gettext("Limit the cloud %(name)s"),
    OrderKind.SUSPEND: lazy_gettext("Suspend the cloud %(name)s"),
    OrderKind.RESUME: lazy_gettext("Resume the cloud %(name)s"),
    OrderKind.CLOSE: lazy_gettext("Close the cloud %(name)s"),
    OrderKind.GRANT: lazy_gettext("Give %(person)s access: %(name)s"),
    OrderKind.REVOKE: lazy_gettext("Take away the access of %(person)s: %(name)s"),
    OrderKind.ACCESS: lazy_gettext("Make a secret to sign in with for %(person)s: %(name)s"),
    OrderKind.WITHDRAW: lazy_gettext("End an access of %(person)s: %(name)s"),
    OrderKind.CHECK_CLAIM: lazy_gettext("Ask whose an existing cloud is: %(name)s"),
    OrderKind.CHECK_EMPTY: lazy_gettext("Ask whether the cloud %(name)s is empty"),
    OrderKind.FETCH_USAGE: lazy_gettext("Fetch the usage of the connection %(name)s"),
    OrderKind.SAMPLE_USAGE: lazy_gettext("Sample what the connection %(name)s gives out"),
    OrderKind.RECONCILE: lazy_gettext("Compare the connection %(name)s with the portal"),
}
"""`name` is that of the cloud with its connection, or of the connection; the ID of the subject if
it is gone."""


def subject(row: JobRow) -> str:
    """Return what the job is about: "Invitation of Nina GmbH by North"."""
    job, mail = row.job, row.delivery
    if job.subject_kind == "import":
        return (
            _("Import of %(partner)s", partner=row.partner) if row.partner else _("Removed import")
        )
    if job.subject_kind == prices.SUBJECT:
        return _("Prices by a new rate")
    if job.subject_kind in ("delivery", "usage-key"):
        is_delivery = job.subject_kind == "delivery"
        return _("Usage files") if is_delivery else _("Assignment of usage to a cloud")
    if mail is not None and row.customer:
        names = {"customer": row.customer, "partner": row.partner}
        return _("Invitation of %(customer)s by %(partner)s", **names)
    if order := ORDERS.get(job.subject_kind):  # type: ignore[call-overload]
        return str(order) % {"name": _place(row), "person": row.person or _("a person")}
    code = mail.kind if mail is not None else job.subject_id
    return str(MAILS.get(code) or UPKEEP.get(code) or code)


def _place(row: JobRow) -> str:
    if row.cloud and row.connection:
        names = {"cloud": row.cloud, "connection": row.connection}
        return _("%(cloud)s on %(connection)s", **names)
    return row.cloud or row.connection or row.job.subject_id


def answer(row: JobRow) -> str:
    """Return the last answer: the relay's words, or ours translated; empty if there is none. Of a
    running job whose worker is silent, that; of a row that can't be read, that."""
    if columns := row.unreadable:
        return faults.sentence(UNREADABLE, {"columns": ", ".join(columns)})
    if row.is_orphaned:
        return _("Its worker does not show up any more. Another one takes the job up.")
    if row.delivery and row.is_unknown and not row.delivery.answer:
        return labels.unknown_reason(row.delivery.code)
    if row.delivery is None:
        return labels.delivery(faults.sentence(row.job.answer or "", row.job.facts.get("fault")))
    return labels.delivery(row.delivery.answer or "")

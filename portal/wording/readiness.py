"""What is wrong with the work outside of requests, in words for operators."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from portal.domain.jobs import Kind
from portal.domain.readiness import Cause, kind_of_breaker

KINDS = {
    Kind.MAIL_NOW: lazy_gettext("Urgent mail"),
    Kind.MAIL: lazy_gettext("Mail"),
    Kind.IMPORTS: lazy_gettext("Imports"),
    Kind.USAGE: lazy_gettext("Usage"),
    Kind.CLOUDS: lazy_gettext("Clouds"),
    Kind.UPKEEP: lazy_gettext("Upkeep"),
}


def kind(code: str) -> str:
    """Return the name of a kind of jobs; its code, if a newer version has it."""
    return str(KINDS.get(code, code))  # type: ignore[call-overload]


def breaker(key: str) -> str:
    """Return the name of what a circuit breaker is about."""
    return kind(kind_of_breaker(key))


def problem(cause: str, kind_code: str) -> str:
    """Return the sentence about a problem."""
    name = kind(kind_code)
    sentences = {
        Cause.NO_WORKER: _("No worker is running: mails, imports and cloud orders wait."),
        Cause.OVERDUE: _("%(kind)s: jobs wait for too long.", kind=name),
        Cause.NO_ANSWER: _("%(kind)s: the server does not answer.", kind=name),
        Cause.SLOW_CALL: _("%(kind)s: the server has not answered for 30 seconds.", kind=name),
        Cause.NEEDS_PERSON: _("%(kind)s: an order waits for an operator.", kind=name),
        Cause.NO_USAGE: _("A connection has not delivered usage for two days."),
        Cause.DOCTOR: _("The doctor has found rows that break a rule. Run flask doctor."),
    }
    return str(sentences[Cause(cause)])

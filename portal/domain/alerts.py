"""Alerts: operators get a mail when something becomes unwell, once for each time."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import audit, mail_deliveries, readiness, values
from portal.domain.identity import User
from portal.domain.jobs import Kind
from portal.domain.readiness import Cause, Problem

MAIL = "operator-alert"
NOT_AGAIN_FOR = timedelta(hours=1)
"""A problem that comes and goes is mailed once in this time."""


class Alert(db.Base):
    """A problem that operators were told of; `ended_at` is when it was gone."""

    __tablename__ = "alerts"

    cause: Mapped[Cause] = mapped_column(db.enum_column(Cause, "cause"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    mailed_at: Mapped[datetime]


def update_alerts() -> list[Problem]:
    """Compare what is wrong now with what is known, and mail the operators what is new. Return what
    is new.

    A missing worker is not among it: the worker itself calls this.
    """
    problems = readiness.problems()
    new = [problem for problem in problems if _begins(problem)]
    present = {(problem.cause, problem.kind) for problem in problems}
    open_alerts = select(Alert).where(Alert.ended_at.is_(None)).order_by(Alert.cause, Alert.kind)
    for alert in db.session.scalars(open_alerts.with_for_update()):
        if (alert.cause, alert.kind) not in present:
            alert.ended_at = db.now()
    to_mail = [problem for problem in new if _is_to_be_mailed(problem)]
    if to_mail:
        _mail_operators(to_mail, unwell={problem.kind for problem in problems})
    return new


def _begins(problem: Problem) -> bool:
    """Open the problem's alert. False if it is open: another worker may have opened it."""
    now = db.now()
    is_it = Alert.cause == problem.cause, Alert.kind == problem.kind
    reopened = db.session.execute(
        update(Alert).where(*is_it, Alert.ended_at.is_not(None)).values(began_at=now, ended_at=None)
    )
    if reopened.rowcount:  # type: ignore[attr-defined]
        return True
    if db.session.scalar(select(Alert.kind).where(*is_it)) is not None:
        return False
    alert = Alert(
        cause=problem.cause, kind=problem.kind, began_at=now, mailed_at=now - NOT_AGAIN_FOR
    )
    try:
        with db.savepoint():
            db.session.add(alert)
            db.session.flush()
    except IntegrityError:
        return False
    return True


def _is_to_be_mailed(problem: Problem) -> bool:
    alert = db.session.get_one(Alert, (problem.cause, problem.kind), populate_existing=True)
    if alert.mailed_at > db.now() - NOT_AGAIN_FOR:
        return False
    alert.mailed_at = db.now()
    return True


def _mail_operators(problems: list[Problem], *, unwell: set[str]) -> None:
    """Mail by a kind that is well, if there is one."""
    lane = next((kind for kind in mail_deliveries.KINDS if kind not in unwell), Kind.MAIL_NOW)
    is_operator = User.is_operator, User.is_active
    for user in db.session.scalars(select(User).where(*is_operator).order_by(User.id)):
        mail_deliveries.add(
            MAIL,
            about=audit.INSTALLATION,
            to=values.email(user.email).wire,
            language=user.language,
            facts={"problems": [[problem.cause, problem.kind] for problem in problems]},
            lane=lane,
        )

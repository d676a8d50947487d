"""The record of a job: queue it, cancel it, delete it when it is old."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Index, and_, false, or_, select, text, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import locks, retention
from portal.domain.actors import Actor

RETENTION = timedelta(days=90)
"""After the end of a job."""


class Kind(StrEnum):
    """What a worker has threads for. Stored as text: a newer version may have other kinds."""

    MAIL_NOW = "mail-now"
    MAIL = "mail"
    IMPORTS = "imports"
    USAGE = "usage"
    CLOUDS = "clouds"
    UPKEEP = "upkeep"


class OrderKind(StrEnum):
    """What an order makes so at a connection. Stored as text, as `Kind`."""

    TEST = "test-connection"
    ENSURE = "ensure-cloud"
    CHANGE = "change-cloud"
    LIMIT = "limit-cloud"
    SUSPEND = "suspend-cloud"
    RESUME = "resume-cloud"
    CLOSE = "close-cloud"
    GRANT = "grant-role"
    REVOKE = "revoke-member"
    ACCESS = "make-access"
    WITHDRAW = "withdraw-access"
    CHECK_CLAIM = "check-claim"
    CHECK_EMPTY = "check-empty"
    RECONCILE = "reconcile-connection"
    FETCH_USAGE = "fetch-usage"
    SAMPLE_USAGE = "sample-usage"


TAKING_ACCESS_AWAY = (OrderKind.SUSPEND, OrderKind.CLOSE, OrderKind.REVOKE, OrderKind.WITHDRAW)
"""Orders that go first, are retried without end, and are neither parked, failed nor cancelled."""


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    PARKED = "parked"
    CANCELLED = "cancelled"


SETTLE, CLOSE, ENDINGS = "settle-memberships", "close-clouds", "end-partnerships"
MONTHS = "close-months"
AGREED_UPKEEP = (SETTLE, CLOSE, ENDINGS, MONTHS)
"""Upkeep that does what people agreed on, or what can't be undone. They may have withdrawn it since
a backup, so after a restore it waits for an operator."""
BY_THE_CLOCK = (OrderKind.RECONCILE, OrderKind.FETCH_USAGE, OrderKind.SAMPLE_USAGE)
"""Orders that the clock queues again, so that none of them waits for a person."""
OPEN_STATES = (State.WAITING, State.RUNNING)
NO_CLAIM = dict.fromkeys(("token", "leased_until", "started_at", "worker"))
"""The values of a job that no worker has claimed."""
RESTORED = "the portal was restored from a backup; this may have been done since that backup"
"""The answer of jobs that a restore parked."""
UNREADABLE = "job-unreadable"
"""The answer of a job whose row can't be read; of one that is claimed, a fact: which columns."""
REPLACED = "a newer order for the same subject replaced this one"
"""The answer of an order that a newer one replaced."""
IS_ORDER = "kind = 'clouds' AND state = 'waiting'"
IS_RUNNING, IS_WAITING = "state = 'running'", "state = 'waiting'"
IS_RECURRING = "kind = 'upkeep' AND state IN ('waiting', 'running')"


class Job(db.Base):
    """A job about the thing `subject_kind`, `subject_id`. `started_at` is the start of the present
    try, `worker` the ID of the process that makes it, `answer` the last result in words,
    `account_id` the account whose data it is."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "uq_jobs_lane",
            "key",
            unique=True,
            sqlite_where=text(IS_RUNNING),
            postgresql_where=text(IS_RUNNING),
        ),
        Index(
            "ix_jobs_due",
            "kind",
            "run_at",
            sqlite_where=text(IS_WAITING),
            postgresql_where=text(IS_WAITING),
        ),
        Index(
            "uq_jobs_recurring",
            "key",
            unique=True,
            sqlite_where=text(IS_RECURRING),
            postgresql_where=text(IS_RECURRING),
        ),
        Index(
            "uq_jobs_order",
            "subject_kind",
            "subject_id",
            unique=True,
            sqlite_where=text(IS_ORDER),
            postgresql_where=text(IS_ORDER),
        ),
        Index("ix_jobs_key", "key"),
        Index("ix_jobs_state", "state", "kind", "run_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    key: Mapped[str]
    priority: Mapped[int] = mapped_column(default=0)
    subject_kind: Mapped[str]
    subject_id: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(db.LenientObject())
    state: Mapped[State] = mapped_column(db.enum_column(State, "state"))
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(db.LenientDateTime())
    run_at: Mapped[datetime] = mapped_column(db.LenientDateTime())
    first_tried_at: Mapped[datetime | None] = mapped_column(db.LenientDateTime())
    started_at: Mapped[datetime | None] = mapped_column(db.LenientDateTime())
    token: Mapped[str | None]
    leased_until: Mapped[datetime | None] = mapped_column(db.LenientDateTime())
    worker: Mapped[str | None]
    finished_at: Mapped[datetime | None] = mapped_column(db.LenientDateTime())
    answer: Mapped[str | None]
    account_id: Mapped[str | None]

    @property
    def takes_access_away(self) -> bool:
        """Whether it is an order that takes access away."""
        return self.kind == Kind.CLOUDS and self.subject_kind in TAKING_ACCESS_AWAY

    @property
    def is_endless(self) -> bool:
        """Whether it is retried without end."""
        return self.kind == Kind.UPKEEP or self.takes_access_away

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Visible to operators only."""
        return true() if actor.is_system or actor.is_operator else false()


def add(
    kind: Kind,
    *,
    key: str,
    subject: tuple[str, str],
    facts: dict[str, Any] | None = None,
    priority: int = 0,
    account_id: str | None = None,
    run_at: datetime | None = None,
) -> Job:
    """Queue a job; it runs after the commit, or from `run_at`. `subject` is the kind and the ID of
    what it is about. Of the due jobs of a kind the highest `priority` runs first, then the oldest.
    """
    now = db.now()
    job = Job(
        id=db.new_id("job"),
        kind=kind,
        key=key,
        priority=priority,
        subject_kind=subject[0],
        subject_id=subject[1],
        facts=facts or {},
        state=State.WAITING,
        created_at=now,
        run_at=run_at or now,
        account_id=account_id,
    )
    db.session.add(job)
    db.session.flush()
    return job


def add_recurring(kind: Kind, *, key: str, subject: tuple[str, str]) -> None:
    """Queue a job that never ends, unless it is queued or parked already; each try names the next
    one."""
    if is_lane_parked(key):
        return
    try:
        with db.savepoint():
            add(kind, key=key, subject=subject)
    except IntegrityError:
        return


def is_lane_parked(key: str) -> bool:
    """Whether a job of this lane waits for an operator."""
    is_it = Job.key == key, Job.state == State.PARKED
    return db.session.scalar(select(Job.id).where(*is_it).limit(1)) is not None


def upkeep_lane(name: str) -> str:
    """The lane of this upkeep."""
    return f"upkeep:{name}"


def kind_of(key: str) -> str:
    """The kind of the lane's newest job, which must exist."""
    query = select(Job.kind).where(Job.key == key).order_by(Job.id.desc()).limit(1)
    return db.session.scalars(query).one()


def cancel(key: str) -> None:
    """Cancel the lane's jobs that wait or are parked."""
    is_idle = Job.state.in_((State.WAITING, State.PARKED))
    ids = locks.select_for_update(Job.id, Job.key == key, is_idle)
    values = {"state": State.CANCELLED, "finished_at": db.now()}
    db.session.execute(update(Job).where(Job.id.in_(ids)).values(values))


def park_restored() -> dict[str, int]:
    """After a restore, park AGREED_UPKEEP, and all open jobs but other upkeep and orders that take
    access away. Returns their numbers by kind."""
    for name in AGREED_UPKEEP:
        add_recurring(Kind.UPKEEP, key=upkeep_lane(name), subject=("upkeep", name))
    goes_on = and_(Job.kind == Kind.UPKEEP, Job.subject_id.not_in(AGREED_UPKEEP))
    is_parked = Job.state.in_(OPEN_STATES), ~or_(goes_on, takes_access_away())
    db.session.execute(locks.select_for_update(Job.id, *is_parked)).all()
    values = {"state": State.PARKED, "answer": RESTORED, "finished_at": db.now(), **NO_CLAIM}
    parked = update(Job).where(*is_parked).values(values).returning(Job.kind)
    return Counter(db.session.scalars(parked))


def takes_access_away() -> ColumnElement[bool]:
    """The condition for orders that take access away."""
    return and_(Job.kind == Kind.CLOUDS, Job.subject_kind.in_(TAKING_ACCESS_AWAY))


def requeue(job: Job) -> None:
    """Let a job that the caller has locked run now. Of one that waits no more than its next try
    changes; one that ended counts its tries from there. Raises IntegrityError for upkeep that is
    queued by another job, and for an order that a newer one replaced."""
    db.make_readable(job)
    if job.state is not State.WAITING:
        job.state, job.finished_at = State.WAITING, None
        job.attempts, job.first_tried_at = 0, None
    job.run_at = db.now()
    db.session.flush()


def end_cancelled(job: Job) -> None:
    """Cancel a job that the caller has locked and that is not running."""
    job.state, job.finished_at = State.CANCELLED, db.now()
    db.session.flush()


def purge_expired() -> bool:
    """Delete a batch of jobs past their retention, but no upkeep that waits for an operator; those
    of mails are deleted with them. Return whether there may be more."""
    is_old = Job.finished_at < db.now() - RETENTION, Job.subject_kind.not_in(("mail", "upkeep"))
    return retention.delete_batch(Job, *is_old)

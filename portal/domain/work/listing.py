"""The list of the jobs of a kind in a state, each with its subject."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, literal, select, tuple_

from portal import db
from portal.domain import invitations, jobs
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection
from portal.domain.customers import Customer
from portal.domain.errors import Refused
from portal.domain.identity import User
from portal.domain.imports import Import
from portal.domain.jobs import OPEN_STATES, Job, Kind, State
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from portal.domain.memberships import Access, Membership
from portal.domain.work.control import cancel_refusal, run_again_refusal
from portal.domain.work.summary import is_listed

PAGE = 50
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
CURSOR = re.compile(r"([0-9]{1,16})-([0-9a-z]{20})")


class JobRow(NamedTuple):
    """A job with its subject: the mail; for an invitation the customer's name; for an invitation
    and an import the partner's name; for an order the names of the person and cloud that it is
    about, and of its connection."""

    job: Job
    delivery: MailDelivery | None
    customer: str | None
    partner: str | None
    cloud: str | None
    connection: str | None
    person: str | None
    is_orphaned: bool
    """Whether it runs and its worker is silent."""

    @property
    def run_again_refusal(self) -> Refused | None:
        return run_again_refusal(self.job, self.delivery)

    @property
    def cancel_refusal(self) -> Refused | None:
        return cancel_refusal(self.job, self.delivery)

    @property
    def is_unknown(self) -> bool:
        """Whether a person decides if the mail arrived."""
        return self.delivery is not None and self.delivery.state is DeliveryState.UNKNOWN

    @property
    def is_restored(self) -> bool:
        """Whether a restore parked the job: it may have been done since the backup."""
        return self.job.state is State.PARKED and self.job.answer == jobs.RESTORED

    @property
    def unreadable(self) -> list[str]:
        """The columns of the job that can't be read, after an edit by hand."""
        return db.unreadable_columns(self.job)

    @property
    def cursor(self) -> str:
        """The place of this row in the list, for `after` of the next page."""
        return f"{(self.job.run_at - EPOCH) // MICROSECOND}-{self.job.id}"


def jobs_for(actor: Actor, kind: str, state: State, *, after: str = "") -> list[JobRow]:
    """A page of the jobs of a kind in a state, the oldest first, and one more if there is a next
    page. `after` is the `cursor` of the previous page's last row."""
    query = _rows(actor).where(Job.kind == kind, Job.state == state, is_listed())
    if place := CURSOR.fullmatch(after):
        run_at = EPOCH + int(place[1]) * MICROSECOND
        cursor = tuple_(literal(run_at, Job.run_at.type), literal(place[2]))
        query = query.where(tuple_(Job.run_at, Job.id) > cursor)
    query = query.order_by(Job.run_at, Job.id).limit(PAGE + 1)
    return [JobRow(*row) for row in db.session.execute(query)]


def job_row(actor: Actor, job_id: str) -> JobRow | None:
    """The job with this ID and its subject; None if the actor can't see it."""
    row = db.session.execute(_rows(actor).where(Job.id == job_id)).first()
    return None if row is None else JobRow(*row)


def latest_upkeep(actor: Actor, name: str) -> Job | None:
    """The open job of this kind of upkeep; None if it is not queued."""
    is_open = Job.key == f"upkeep:{name}", Job.kind == Kind.UPKEEP, Job.state.in_(OPEN_STATES)
    return db.session.scalar(select(Job).where(Job.visible_to(actor), *is_open))


def _rows(actor: Actor) -> Any:
    """The query of the columns of JobRow."""
    is_mail = _is_subject("mail", MailDelivery.id)
    is_invitation = and_(
        MailDelivery.kind == invitations.MAIL, Customer.subaccount_id == MailDelivery.about
    )
    partner_id = func.coalesce(Customer.partner_id, Import.partner_id)
    cloud_id = func.coalesce(Membership.cloud_id, Job.subject_id)
    query: Any = (
        select(
            Job,
            MailDelivery,
            Customer.name,
            BillingAccount.name,
            Cloud.name,
            Connection.name,
            User.name,
            jobs.is_orphaned(),
        )
        .select_from(Job)
        .outerjoin(MailDelivery, is_mail)
        .outerjoin(Customer, is_invitation)
        .outerjoin(Import, _is_subject("import", Import.id))
        .outerjoin(BillingAccount, BillingAccount.id == partner_id)
        .outerjoin(Access, Access.id == Job.subject_id)
        .outerjoin(Membership, Membership.id == func.coalesce(Access.membership_id, Job.subject_id))
        .outerjoin(Cloud, and_(Job.kind == Kind.CLOUDS, Cloud.id == cloud_id))
        .outerjoin(Connection, Job.key == literal(jobs.CLOUD_LANE) + Connection.id)
        .outerjoin(User, User.id == Membership.user_id)
        .where(Job.visible_to(actor))
    )
    return query


def _is_subject(kind: str, thing_id: Any) -> ColumnElement[bool]:
    return and_(Job.subject_kind == kind, thing_id == Job.subject_id)

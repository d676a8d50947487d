"""Checks of connections: their credentials can be decrypted, and they are asked for what is due."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import exists, or_

from portal.domain import clouds, connections
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection, Kind
from portal.domain.doctor.check import Problem, Query, check, select_check
from portal.domain.jobs import REPLACED, Job, State
from portal.domain.jobs import Kind as JobKind


@check("connections")
def credentials_unreadable() -> Iterator[Problem]:
    """Credentials that no key of CREDENTIALS_KEY_FILE decrypts, or those of another connection."""
    for connection in connections.unreadable_connections():
        sentence = "No key of CREDENTIALS_KEY_FILE decrypts the credentials of this connection."
        yield Problem(connection.id, sentence)


@select_check("connections", "What is agreed for the cloud is not carried out, and not ordered.")
def cloud_without_order() -> Query:
    is_order = Job.kind == JobKind.CLOUDS, Job.subject_kind.in_(clouds.TASKS)
    is_kept = Job.state != State.DONE, or_(Job.answer.is_(None), Job.answer != REPLACED)
    query: Query = clouds.pending_query().with_only_columns(Cloud.id)
    return query.where(
        clouds.has_tasks(),
        Connection.kind != Kind.MANUAL,
        Cloud.closed_there_at.is_(None),
        ~exists().where(*is_order, Job.subject_id == Cloud.id, *is_kept),
    )

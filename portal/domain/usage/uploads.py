"""Uploads: a browser's files are kept in chunks until the worker stages them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import insert, select

from portal import db
from portal.domain import access
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.usage.record import (
    Delivery,
    DeliveryFile,
    DeliveryUpload,
    Mode,
    State,
    UsageSource,
)
from portal.domain.usage.staging import require_kind

CHUNK_BYTES = 1024 * 1024


def begin_upload(source: UsageSource, *, mode: Mode, names: Sequence[str], by: Actor) -> Delivery:
    """An operator begins to upload files, which are one delivery. Raises Forbidden,
    Refused("usage-source-connected")."""
    access.require_operator(by, Action.USAGE_UPLOAD)
    require_kind(source)
    delivery = Delivery(
        id=db.new_id("dlv"),
        source_id=source.id,
        mode=mode,
        state=State.UPLOADING,
        created_by=by.id,
        created_at=db.now(),
    )
    db.session.add(delivery)
    db.session.flush()
    rows = [
        {"delivery_id": delivery.id, "number": number, "name": name, "size": 0}
        for number, name in enumerate(names)
    ]
    db.session.execute(insert(DeliveryFile), rows)
    return delivery


def add_chunk(delivery_id: str, *, file: int, number: int, content: bytes) -> None:
    """Keep a chunk; each in a transaction of its own, so that no other writer waits long."""
    values = {"delivery_id": delivery_id, "file": file, "number": number, "content": content}
    db.session.execute(insert(DeliveryUpload), [values])


def chunk(delivery_id: str, file: int, number: int) -> bytes | None:
    """A chunk of a file; None after the last."""
    return db.session.scalar(
        select(DeliveryUpload.content).where(
            DeliveryUpload.delivery_id == delivery_id,
            DeliveryUpload.file == file,
            DeliveryUpload.number == number,
        )
    )


def chunks(delivery_id: str, file: int) -> Iterator[bytes]:
    """The file's chunks, each read in a transaction of its own."""
    number = 0
    while content := db.read(lambda: chunk(delivery_id, file, number)):  # noqa: B023
        yield content
        number += 1

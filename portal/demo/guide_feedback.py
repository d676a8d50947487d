"""Feedback on the guide, and the operator who reads it."""

from __future__ import annotations

from portal.demo.people import AMIRA, EDDIE, INGRID, OLGA, PIET, SAM, VERA, Directory
from portal.demo.timeline import Story, Timeline
from portal.domain import feedback, identity
from portal.domain.actors import COMMAND
from portal.domain.feedback import Reason

FEEDBACK = (
    # (days ago, reader, page, why it did not help, comment)
    (170, EDDIE, "invitation", None, ""),
    (151, PIET, "invitation", None, ""),
    (120, AMIRA, "many-customers", Reason.NO_ANSWER, "Какой разделитель ставит наш Excel?"),
    (88, SAM, "not-linked", Reason.NO_USE, "The owner does not find Access control."),
    (75, EDDIE, "not-linked", None, ""),
    (41, OLGA, "getting-started", None, ""),
    (30, VERA, "waiting", Reason.OTHER_TITLE, ""),
    (9, PIET, "team", Reason.OTHER, "Please say who may see the notes."),
)  # fmt: skip


def schedule(timeline: Timeline, directory: Directory) -> None:
    """Schedule the operator's appointment and all feedback."""
    timeline.schedule(_appoint_operator(directory), days=372)
    for days, email, page, reason, comment in FEEDBACK:
        timeline.schedule(_submit(directory, email, page, reason, comment), days=days)


def _appoint_operator(directory: Directory) -> Story:
    directory.sign_up(INGRID)
    identity.make_operator(directory.user(INGRID), by=COMMAND)
    yield from ()


def _submit(
    directory: Directory, email: str, page: str, reason: Reason | None, comment: str
) -> Story:
    actor = directory.actor(email)
    feedback.submit(
        page,
        by=actor,
        voice=actor.id,
        network="",
        language=directory.user(email).language,
        reason=reason,
        comment=comment,
    )
    yield from ()

"""Readers of the guide and what they said of it, and the operator, who reads that."""

from __future__ import annotations

from portal.demo.people import AMIRA, EDDIE, INGRID, OLGA, PIET, SAM, VERA, Cast
from portal.demo.timeline import Diary, Story
from portal.domain import feedback, identity
from portal.domain.actors import COMMAND
from portal.domain.feedback import Reason

SAID = (
    # (days ago, who, page, why it did not help, what they wrote)
    (170, EDDIE, "invitation", None, ""),
    (151, PIET, "invitation", None, ""),
    (120, AMIRA, "many-customers", Reason.NO_ANSWER, "Какой разделитель ставит наш Excel?"),
    (88, SAM, "not-linked", Reason.NO_USE, "The owner does not find Access control."),
    (75, EDDIE, "not-linked", None, ""),
    (41, OLGA, "getting-started", None, ""),
    (30, VERA, "waiting", Reason.OTHER_TITLE, ""),
    (9, PIET, "team", Reason.OTHER, "Please say who may see the notes."),
)  # fmt: skip


def begin(diary: Diary, cast: Cast) -> None:
    """Their stories begin."""
    diary.begin(_operates(cast), days=372)
    for days, email, page, reason, comment in SAID:
        diary.begin(_says(cast, email, page, reason, comment), days=days)


def _operates(cast: Cast) -> Story:
    cast.sign_up(INGRID)
    identity.make_operator(cast.user(INGRID), by=COMMAND)
    yield from ()


def _says(cast: Cast, email: str, page: str, reason: Reason | None, comment: str) -> Story:
    by = cast.actor(email)
    said = {"language": cast.user(email).language, "reason": reason, "comment": comment}
    feedback.submit(page, by=by, voice=by.id, network="", **said)  # type: ignore[arg-type]
    yield from ()

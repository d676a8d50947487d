"""Wording of what an operator should know of a delivery before publishing it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.domain.usage import Delivery, State, Warnings
from portal.i18n.formats import month
from portal.wording.errors import sentence_of


def sentences(delivery: Delivery, found: Warnings) -> list[str]:
    """The warnings of a staged delivery; of a published one where its differences went."""
    closed = _closed(found)
    if delivery.state is not State.STAGED:
        return closed
    said = [] if found.repetition is None else [sentence_of(found.repetition)]
    if found.future:
        months = _months(found.future)
        said.append(_("%(months)s: in the future. Once published, costs are shown.", months=months))
    if delivery.points:
        said.append(
            ngettext(
                "%(num)s row has no length: it ends when it begins, and counts on that day.",
                "%(num)s rows have no length: they end when they begin, and count on that day.",
                delivery.points,
            )
        )
    if found.unnamed:
        said.append(
            ngettext(
                "%(num)s row names no service. Pages show it as “Without a name”.",
                "%(num)s rows name no service. Pages show them as “Without a name”.",
                found.unnamed,
            )
        )
    return [*said, *closed]


def _closed(found: Warnings) -> list[str]:
    if not found.closed:
        return []
    text = _(
        "%(months)s: closed. What changes is a correction in %(open)s.",
        months=_months(found.closed),
        open=month(found.open_on),
    )
    return [text]


def _months(days: Iterable[date]) -> str:
    return ", ".join(dict.fromkeys(month(day) for day in days))

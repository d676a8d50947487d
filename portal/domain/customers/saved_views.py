"""Saved views: filters of the customers' list that somebody keeps under names, in an order."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, UniqueConstraint, and_, select, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal import db
from portal.domain import access, values
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.domain.values import Invalid

MAX_VIEWS = 20
"""More tabs than that nobody looks through."""
MAX_VIEW_NAME_LENGTH = 40


class SavedView(db.Base):
    """A name for a filter, one person's on one partner's list; `query` is the URL's, normalised."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("user_id", "partner_id", "name"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    partner_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"))
    name: Mapped[str]
    query: Mapped[str]
    position: Mapped[int]
    created_at: Mapped[datetime]

    partner: Mapped[BillingAccount] = relationship()

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """One's own alone, while the partner's list exists for one."""
        if actor.is_system:
            return true()
        return and_(cls.user_id == actor.id, cls.partner_id.in_(access.account_ids(actor)))


def saved_views_of(actor: Actor, partner: BillingAccount) -> list[SavedView]:
    """The actor's views of the partner's list, in their order."""
    found = select(SavedView).where(
        SavedView.user_id == actor.id, SavedView.partner_id == partner.id
    )
    return list(db.session.scalars(found.order_by(SavedView.position, SavedView.id)))


def save_view(partner: BillingAccount, *, by: Actor, name: str, query: str) -> SavedView:
    """Whoever sees the list keeps a filter of it, as their last tab.

    Raises Forbidden; Refused("view-empty", "view-exists", "view-name-taken", "views-many"), a
    malformed name's code.
    """
    access.require(by, Action.ACCOUNT_SEE, partner)
    db.lock(User, by.id)  # one's own views change one after the other
    if not query:
        raise Refused(Code.VIEW_EMPTY)
    views = saved_views_of(by, partner)
    for twin in views:
        if twin.query == query:
            raise Refused(Code.VIEW_EXISTS, name=twin.name)
    if len(views) >= MAX_VIEWS:
        raise Refused(Code.VIEWS_MANY, most=MAX_VIEWS)
    view = SavedView(
        id=db.new_id("viw"),
        user_id=by.id,
        partner_id=partner.id,
        query=query,
        name=_free_name(name, views),
        position=len(views),
        created_at=db.now(),
    )
    db.session.add(view)
    db.session.flush()
    return view


def rename_view(view: SavedView, *, by: Actor, name: str) -> None:
    """Whose view it is names it anew. Raises Forbidden, Refused("view-name-taken"), a malformed
    name's code."""
    access.require(by, Action.ACCOUNT_SEE, view.partner)
    db.lock(User, by.id)
    view.name = _free_name(
        name, [one for one in saved_views_of(by, view.partner) if one is not view]
    )
    db.session.flush()


def move_view(view: SavedView, *, by: Actor, to: int) -> None:
    """Whose view it is puts it into another place, from 0; beyond the end is the end.

    Raises Forbidden.
    """
    access.require(by, Action.ACCOUNT_SEE, view.partner)
    db.lock(User, by.id)
    others = [one for one in saved_views_of(by, view.partner) if one is not view]
    place = min(max(to, 0), len(others))
    _number([*others[:place], view, *others[place:]])


def remove_view(view: SavedView, *, by: Actor) -> None:
    """Whose view it is drops it; the customers stay. Raises Forbidden."""
    access.require(by, Action.ACCOUNT_SEE, view.partner)
    db.lock(User, by.id)
    _number([one for one in saved_views_of(by, view.partner) if one is not view])
    db.session.delete(view)
    db.session.flush()


def _number(views: list[SavedView]) -> None:
    for position, view in enumerate(views):
        view.position = position
    db.session.flush()


def _free_name(name: str, others: list[SavedView]) -> str:
    try:
        name = values.line(name, limit=MAX_VIEW_NAME_LENGTH)
    except Invalid as error:
        raise Refused(error.code, field="name", **error.facts) from error
    if name.casefold() in [one.name.casefold() for one in others]:
        raise Refused(Code.VIEW_NAME_TAKEN, field="name")
    return name

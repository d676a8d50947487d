"""Saved views: a user's named filters of the customers' list, in an order of their choice."""

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
"""Views per user and partner: more tabs are hard to scan."""
MAX_VIEW_NAME_LENGTH = 40


class SavedView(db.Base):
    """A user's named filter of one partner's list; `query` is its normalised URL query."""

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
        """Users see only their own views, and only while they see the partner's list."""
        if actor.is_system:
            return true()
        return and_(cls.user_id == actor.id, cls.partner_id.in_(access.account_ids(actor)))


def saved_views_of(actor: Actor, partner: BillingAccount) -> list[SavedView]:
    """Return the actor's views of the partner's list, in their order."""
    query = select(SavedView).where(
        SavedView.user_id == actor.id, SavedView.partner_id == partner.id
    )
    return list(db.session.scalars(query.order_by(SavedView.position, SavedView.id)))


def save_view(partner: BillingAccount, *, by: Actor, name: str, query: str) -> SavedView:
    """Everyone who sees the list may save a filter of it; the view becomes their last tab.

    Raises Forbidden; Refused("view-empty", "view-exists", "view-name-taken", "views-many") or with
    the code of an invalid name.
    """
    access.require(by, Action.ACCOUNT_SEE, partner)
    db.lock(User, by.id)  # serialises changes of a user's views
    if not query:
        raise Refused(Code.VIEW_EMPTY)
    views = saved_views_of(by, partner)
    for view in views:
        if view.query == query:
            raise Refused(Code.VIEW_EXISTS, name=view.name)
    if len(views) >= MAX_VIEWS:
        raise Refused(Code.VIEWS_MANY, most=MAX_VIEWS)
    view = SavedView(
        id=db.new_id("viw"),
        user_id=by.id,
        partner_id=partner.id,
        query=query,
        name=_require_free_name(name, views),
        position=len(views),
        created_at=db.now(),
    )
    db.session.add(view)
    db.session.flush()
    return view


def rename_view(view: SavedView, *, by: Actor, name: str) -> None:
    """The owner renames a view.

    Raises Forbidden; Refused("view-name-taken") or with the code of an invalid name.
    """
    access.require(by, Action.ACCOUNT_SEE, view.partner)
    db.lock(User, by.id)
    view.name = _require_free_name(name, _other_views(view, by))
    db.session.flush()


def move_view(view: SavedView, *, by: Actor, to: int) -> None:
    """The owner moves a view to a position, counted from 0 and limited to the last one.

    Raises Forbidden.
    """
    access.require(by, Action.ACCOUNT_SEE, view.partner)
    db.lock(User, by.id)
    others = _other_views(view, by)
    position = min(max(to, 0), len(others))
    _renumber([*others[:position], view, *others[position:]])


def remove_view(view: SavedView, *, by: Actor) -> None:
    """The owner deletes a view. Raises Forbidden."""
    access.require(by, Action.ACCOUNT_SEE, view.partner)
    db.lock(User, by.id)
    _renumber(_other_views(view, by))
    db.session.delete(view)
    db.session.flush()


def _other_views(view: SavedView, actor: Actor) -> list[SavedView]:
    return [other for other in saved_views_of(actor, view.partner) if other is not view]


def _renumber(views: list[SavedView]) -> None:
    for position, view in enumerate(views):
        view.position = position
    db.session.flush()


def _require_free_name(name: str, others: list[SavedView]) -> str:
    """Return the name in its stored form. Raises Refused."""
    try:
        name = values.line(name, limit=MAX_VIEW_NAME_LENGTH)
    except Invalid as error:
        raise Refused(error.code, field="name", **error.facts) from error
    if name.casefold() in [other.name.casefold() for other in others]:
        raise Refused(Code.VIEW_NAME_TAKEN, field="name")
    return name

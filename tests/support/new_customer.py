"""*New customer* as a person fills it in, and as a script that sends what no person could."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from werkzeug.test import TestResponse

from portal import db
from portal.domain import customers
from portal.domain.accounts import BillingAccount
from portal.domain.customers import Customer
from tests.support.browser import Browser
from tests.support.world import OLGA, World, actor, draft

NEW_EMAIL = "new@client.example"
VALID = {"name": "New Client", "invitation_email": NEW_EMAIL, "country": "DE"}


def open_form(client: Browser, world: World) -> Browser:
    """The form, open in this browser."""
    assert client.get(f"/partner/{world.north}/customers/add").status_code == 200
    return client


def post_form(client: Browser, world: World, **changes: Any) -> TestResponse:
    """Post the form that the last page shows, filled in well but for `changes`; None leaves a
    field out. Unlike a person it is not bound to what the form offers."""
    data = client.form("/customers/add") | VALID | changes
    sent = {name: value for name, value in data.items() if value is not None}
    return client.post(f"/partner/{world.north}/customers/add", data=sent)


def add_customer(world: World, email: str = NEW_EMAIL, **facts: Any) -> str:
    """A customer of North's by the verb; its ID."""

    def unit() -> str:
        north = db.lock(BillingAccount, world.north)
        return customers.add(north, by=actor(OLGA), draft=draft(email, **facts)).id

    return db.write(unit)


def customers_named(name: str) -> list[Customer]:
    """The customers with this name."""
    found = select(Customer).where(Customer.name == name)
    return db.read(lambda: list(db.session.scalars(found)))

"""New customers in tests: by the form *New customer*, by a crafted POST, by the verb."""

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
    """Open the form *New customer* in this browser."""
    assert client.get(f"/partner/{world.north}/customers/add").status_code == 200
    return client


def post_form(client: Browser, world: World, **changes: Any) -> TestResponse:
    """Post the form of the last page with valid fields and `changes`; None leaves a field out.

    Unlike a browser, it may send values that the form does not offer."""
    data = client.form("/customers/add") | VALID | changes
    fields = {name: value for name, value in data.items() if value is not None}
    return client.post(f"/partner/{world.north}/customers/add", data=fields)


def add_customer(world: World, email: str = NEW_EMAIL, **facts: Any) -> str:
    """Add a customer to North by the verb; its ID."""

    def unit() -> str:
        north = db.lock(BillingAccount, world.north)
        return customers.add(north, by=actor(OLGA), draft=draft(email, **facts)).id

    return db.write(unit)


def customers_named(name: str) -> list[Customer]:
    """The customers with this name."""
    query = select(Customer).where(Customer.name == name)
    return db.read(lambda: list(db.session.scalars(query)))

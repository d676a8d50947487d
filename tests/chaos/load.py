"""The load of a chaos run, and what was acknowledged: customers, an import, verification mails."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlencode

from portal import db
from portal.domain import imports, mail_deliveries
from portal.domain.accounts import BillingAccount
from portal.domain.imports import Import, Line, State
from tests.chaos.site import Site
from tests.support.visitor import Visitor
from tests.support.world import OLGA, PASSWORD, actor

T = TypeVar("T")
ADDERS = 3
CUSTOMERS, ROWS, VERIFICATIONS = 10, 16, 16
"""In each round: customers of each adder, rows of the import, mails to verify an address."""
PATIENCE = 60
"""Seconds to try a write again that was not acknowledged."""


def persist(action: Callable[[], T | None]) -> T | None:
    """Repeat the action until it has a result; None after PATIENCE. A fault is as no result."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if (result := action()) is not None:
                return result
        except (OSError, http.client.HTTPException, db.Unavailable):
            pass
        time.sleep(0.3)
    return None


class Load:
    """The load of one round, in threads; what it has sent and what was acknowledged."""

    def __init__(self, site: Site, visitors: list[Visitor], number: int) -> None:
        self.site, self.number = site, number
        self.customers: set[str] = set()
        self.verifications: set[str] = set()
        self.import_id = ""
        self.problems: list[str] = []
        self.threads = [
            threading.Thread(target=self._add_customers, args=(visitor, n), daemon=True)
            for n, visitor in enumerate(visitors)
        ]
        self.threads += [threading.Thread(target=self._import, daemon=True)]
        self.threads += [threading.Thread(target=self._verify, daemon=True)]
        for thread in self.threads:
            thread.start()

    @property
    def is_running(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)

    @property
    def rows(self) -> set[str]:
        """The addresses in the import."""
        return {f"row{n}-{self.number}@client.example" for n in range(ROWS)}

    def _add_customers(self, visitor: Visitor, adder: int) -> None:
        for n in range(CUSTOMERS):
            email = f"c{n}-{adder}-{self.number}@client.example"
            if persist(lambda email=email: self._add_customer(visitor, email)):
                self.customers.add(email)
            else:
                self.problems.append(f"{email} was never acknowledged")
            time.sleep(0.5)

    def _add_customer(self, visitor: Visitor, email: str) -> bool | None:
        """Whether the customer was added. Each form is sent until it is answered."""
        path = f"/partner/{self.site.world.north}/customers/add"
        form = visitor.hidden_fields(path)
        if "form_key" not in form:
            return None
        form |= {"name": f"Customer {email}", "invitation_email": email, "country": "DE"}
        body = urlencode({**form, "manager_id": ""}).encode()

        def send() -> bool | None:
            response = visitor.request(path, body)
            if response.status == 422:
                self.problems.append(f"{email} was refused")
                return True
            is_acknowledged = (
                response.status == 303 and "sign-in" not in response.headers["Location"]
            )
            return True if is_acknowledged else None

        return persist(send)

    def _import(self) -> None:
        with self.site.app.app_context():
            self.import_id = persist(lambda: db.write(self._upload)) or ""
            is_begun = persist(lambda: db.write(self._begin))
            if not is_begun:
                self.problems.append(f"import {self.import_id} did not begin")

    def _upload(self) -> str:
        north = db.lock(BillingAccount, self.site.world.north)
        lines = [
            Line(n, {"name": f"Row {email}", "invitation_email": email, "country": "DE"})
            for n, email in enumerate(sorted(self.rows), 2)
        ]
        return imports.upload(north, by=actor(OLGA), lines=lines).id

    def _begin(self) -> bool | None:
        import_ = db.lock(Import, self.import_id)
        if import_.state is State.CHECKING:
            return None
        if import_.state is not State.CHECKED:  # the first try was saved, but not acknowledged
            return True
        imports.begin(import_, by=actor(OLGA))
        return True

    def _verify(self) -> None:
        with self.site.app.app_context():
            for n in range(VERIFICATIONS):
                to = f"v{n}-{self.number}@new.example"
                if delivery_id := persist(lambda to=to: db.write(lambda: _add_verification(to))):
                    self.verifications.add(delivery_id)
                time.sleep(0.4)


def _add_verification(to: str) -> str:
    facts = {"name": "Somebody", "next": "/"}
    return mail_deliveries.add("verification", about=to[:2], to=to, language="en", facts=facts).id


def sign_in(site: Site) -> list[Visitor]:
    """A signed-in visitor for each adder."""
    visitors = [Visitor(site.port, timeout=20) for _ in range(ADDERS)]
    for visitor in visitors:
        status = persist(lambda visitor=visitor: visitor.sign_in(OLGA, PASSWORD).status)
        assert status == 303, status
    return visitors

"""A customer's life: what its partner's staff and its own person do, each in the domain's verb."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from portal import db
from portal.demo.companies import Firm
from portal.demo.people import Cast
from portal.demo.timeline import Diary, Fate
from portal.domain import accounts, cloud_access, clouds, customers, invitations, links
from portal.domain.access import CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer

CLOUDS = ("production", "staging", "web-shop", "archive", "analytics", "backups", "intranet")
FOLDERS = ("network", "databases", "web", "batch-jobs", "monitoring")
NOTES = (
    "Called. The contract lies with their lawyer; they will answer next week.",
    "Prefers mails to calls, and answers on Fridays.",
    "Asked for an offer for a second site. Sent it.\nRemind them at the end of the month.",
    "Their administrator is away until Monday.",
    "Wants to know which of its clouds we pay for. Sent the list.",
    "Very content with the migration; may be named as a reference.",
    "Visited them. Two people look after the cloud, both new to it.",
    "Pays on the last day, but pays.",
)
CHASING = (
    "Asked by phone: the mail was seen, the boss has to agree.",
    "Wrote again; no answer so far.",
    "They moved offices. Try again in two weeks.",
)


@dataclass
class Desk:
    """A partner's side: its owner, and those who look after customers now."""

    diary: Diary
    cast: Cast
    owner: str
    prefix: str
    editors: list[str] = field(default_factory=list)
    managers: list[str] = field(default_factory=list)
    """Who looks after customers, as often as they do; empty: nobody in particular."""
    added: int = 0

    @property
    def account(self) -> BillingAccount:
        return self.cast.own(self.owner)

    def reference(self) -> str:
        self.added += 1
        return f"{self.prefix}-{1000 + self.added}"


@dataclass
class Life:
    """One customer of one partner; `record` is the newest where the address was corrected."""

    desk: Desk
    firm: Firm
    chance: random.Random
    record: Customer = field(init=False)

    @property
    def person(self) -> Actor:
        """Who answers for the customer."""
        return self.desk.cast.actor(self.record.invitation_email)

    @property
    def editor(self) -> Actor:
        """One of the partner's staff."""
        return self.desk.cast.actor(self.chance.choice(self.desk.editors))

    @property
    def owner(self) -> Actor:
        """The partner's."""
        return self.desk.cast.actor(self.desk.owner)

    @property
    def subaccount(self) -> BillingAccount:
        return db.session.get_one(BillingAccount, self.record.subaccount_id)

    @property
    def own_account(self) -> BillingAccount:
        return self.desk.cast.own(self.record.invitation_email)

    def days(self, least: float, most: float) -> timedelta:
        """Some time, rather short than long."""
        return timedelta(days=self.chance.triangular(least, most, least))

    def add(
        self, fate: Fate | None = None, *, with_cloud: bool = True, manager: str | None = None
    ) -> None:
        """The partner adds the customer, and the invitation leaves, to whatever fate."""
        if fate:
            self.desk.diary.fates[self.firm.email] = fate
        if manager is None:
            manager = self.chance.choice(self.desk.managers)
        draft = replace(
            self.firm.draft,
            manager_id=self.desk.cast.user(manager).id if manager else "",
            reference=self.desk.reference() if self.chance.random() < 0.7 else "",
            with_cloud=with_cloud,
        )
        self.record = customers.add(self.desk.account, by=self.editor, draft=draft)

    def correct_address(self) -> None:
        """The partner invites `office@` instead, or whoever reads `hello@`."""
        local, _, domain = self.firm.email.partition("@")
        right = f"{'hello' if local == 'office' else 'office'}@{domain}"
        self.record = customers.correct_address(self.record, by=self.editor, email=right)

    def sign_up(self) -> None:
        self.desk.cast.sign_up(self.record.invitation_email, self.firm.person)

    def accept(self) -> None:
        self._answer(customers.accept)

    def decline(self) -> None:
        self._answer(customers.decline)

    def _answer(self, verb: Callable[..., Customer]) -> None:
        asked = invitations.find_by_link(self.person, self.record.subaccount_id)
        verb(asked, by=self.person)

    def note(self, *, chasing: bool = False) -> None:
        text = self.chance.choice(CHASING if chasing else NOTES)
        customers.add_note(self.record, by=self.editor, text=text)

    def edit(self, **fields: Any) -> None:
        record = db.session.get_one(Customer, self.record.id)
        draft = replace(customers.draft_of(record), **fields)
        customers.edit(record, by=self.editor, draft=draft, version=record.version)

    def remove(self) -> None:
        customers.remove(self.record, by=self.owner)

    def suspend(self) -> None:
        customers.suspend(self.record, by=self.editor)

    def resume(self) -> None:
        customers.resume(self.record, by=self.editor)

    def end(self, *, by: Actor) -> None:
        customers.end_partnership(self.record, by=by)

    def create_own_cloud(self) -> Cloud:
        """The person's, which they pay for themselves until it is linked."""
        name = self.chance.choice(CLOUDS)
        return clouds.create(self.own_account, by=self.person, name=name)

    def create_cloud(self) -> Cloud:
        """The partner's staff create it in the subaccount."""
        return clouds.create(self.subaccount, by=self.editor, name=self.chance.choice(CLOUDS))

    def create_folder(self, name: str) -> None:
        default = db.session.get_one(Cloud, self.record.default_cloud_id)
        clouds.create_folder(default, by=self.person, name=name)

    def let_in(self, found: Cloud, role: CloudRole) -> None:
        """The person gives the partner a role on a cloud of theirs."""
        cloud_access.grant(found, by=self.person, role=role, to=self.desk.account.id)

    def turn_out(self, found: Cloud) -> None:
        cloud_access.revoke_partner(found, by=self.person, of=self.desk.account.id)

    def link(self, found: Cloud, *, by: Actor) -> None:
        link(found, by=by, to=self.subaccount)

    def take_back(self, found: Cloud) -> None:
        """The person pays for the cloud themselves again."""
        if self.own_account.mode is accounts.Mode.TRIAL:
            accounts.switch_to_paid(self.own_account, by=self.person)
        link(found, by=self.person, to=self.own_account)


def link(found: Cloud, *, by: Actor, to: BillingAccount) -> None:
    """As on the screen: the effect is shown, then the cloud is linked."""
    at = links.target_for(to, by)
    shown = links.preview_effect(at, links.find_candidate(at, found)).digest
    links.link(found, by=by, to=to, shown=shown)

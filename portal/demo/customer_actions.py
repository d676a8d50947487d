"""What partners and customers do in the demonstration, by the verbs of the domain."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from portal import db
from portal.demo.companies import Company
from portal.demo.people import Directory, session_of
from portal.demo.timeline import DeliveryOutcome, Timeline
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
REMINDERS = (
    "Asked by phone: the mail was seen, the boss has to agree.",
    "Wrote again; no answer so far.",
    "They moved offices. Try again in two weeks.",
)


@dataclass
class SimulatedPartner:
    """A partner: its owner, and the staff who look after customers now."""

    timeline: Timeline
    directory: Directory
    owner_email: str
    reference_prefix: str
    editors: list[str] = field(default_factory=list)
    managers: list[str] = field(default_factory=list)
    """Account managers, each as often as they get a customer; an empty text is no manager."""
    added_count: int = 0

    @property
    def account(self) -> BillingAccount:
        return self.directory.own_account(self.owner_email)

    @property
    def owner(self) -> Actor:
        return self.directory.actor(self.owner_email)

    def next_reference(self) -> str:
        self.added_count += 1
        return f"{self.reference_prefix}-{1000 + self.added_count}"


@dataclass
class SimulatedCustomer:
    """One customer of one partner. `record` is the newest one after a corrected address."""

    partner: SimulatedPartner
    company: Company
    rng: random.Random
    record: Customer = field(init=False)

    @property
    def contact(self) -> Actor:
        """The invited person, who acts for the customer."""
        return self.partner.directory.actor(self.record.invitation_email)

    @property
    def editor(self) -> Actor:
        """A random member of the partner's staff."""
        return self.partner.directory.actor(self.rng.choice(self.partner.editors))

    @property
    def subaccount(self) -> BillingAccount:
        return db.session.get_one(BillingAccount, self.record.subaccount_id)

    @property
    def own_account(self) -> BillingAccount:
        return self.partner.directory.own_account(self.record.invitation_email)

    def random_days(self, least: float, most: float) -> timedelta:
        """Return a time between these days, rather short than long."""
        return timedelta(days=self.rng.triangular(least, most, least))

    def add(
        self,
        outcome: DeliveryOutcome | None = None,
        *,
        with_cloud: bool = True,
        manager: str | None = None,
    ) -> None:
        """The partner adds the customer. `outcome` is what becomes of the invitation's mail."""
        if outcome:
            self.partner.timeline.delivery_outcomes[self.company.email] = outcome
        if manager is None:
            manager = self.rng.choice(self.partner.managers)
        draft = replace(
            self.company.draft,
            manager_id=self.partner.directory.user(manager).id if manager else "",
            reference=self.partner.next_reference() if self.rng.random() < 0.7 else "",
            with_cloud=with_cloud,
        )
        self.record = customers.add(self.partner.account, by=self.editor, draft=draft)

    def correct_address(self) -> None:
        """The partner invites `office@` instead, or `hello@` if that was the wrong one."""
        local_part, _, domain = self.company.email.partition("@")
        email = f"{'hello' if local_part == 'office' else 'office'}@{domain}"
        self.record = customers.correct_address(self.record, by=self.editor, email=email)

    def sign_up(self) -> None:
        self.partner.directory.sign_up(self.record.invitation_email, self.company.contact_name)

    def accept(self) -> None:
        self._answer(customers.accept)

    def decline(self) -> None:
        self._answer(customers.decline)

    def _answer(self, verb: Callable[..., Customer]) -> None:
        invitation = invitations.find_by_link(self.contact, self.record.subaccount_id)
        verb(invitation, by=self.contact)

    def add_note(self, *, is_reminder: bool = False) -> None:
        text = self.rng.choice(REMINDERS if is_reminder else NOTES)
        customers.add_note(self.record, by=self.editor, text=text)

    def edit(self, **fields: Any) -> None:
        customer = db.session.get_one(Customer, self.record.id)
        draft = replace(customers.draft_of(customer), **fields)
        customers.edit(customer, by=self.editor, draft=draft, version=customer.version)

    def remove(self) -> None:
        customers.remove(self.record, by=self.partner.owner)

    def suspend(self) -> None:
        customers.suspend(self.record, by=self.editor)

    def resume(self) -> None:
        customers.resume(self.record, by=self.editor)

    def end_partnership(self, *, by: Actor) -> None:
        with session_of(by) as signed_in:
            customers.end_partnership(self.record, by=signed_in)

    def create_own_cloud(self) -> Cloud:
        """The contact creates a cloud, and pays for it until it is linked."""
        name = self.rng.choice(CLOUDS)
        return clouds.create(self.own_account, by=self.contact, name=name)

    def create_cloud(self) -> Cloud:
        """The partner's staff create a cloud in the subaccount."""
        return clouds.create(self.subaccount, by=self.editor, name=self.rng.choice(CLOUDS))

    def create_folder(self, name: str) -> None:
        cloud = db.session.get_one(Cloud, self.record.default_cloud_id)
        clouds.create_folder(cloud, by=self.contact, name=name)

    def grant_access(self, cloud: Cloud, role: CloudRole) -> None:
        """The contact gives the partner a role on one of their clouds."""
        with session_of(self.contact) as signed_in:
            cloud_access.grant(cloud, by=signed_in, role=role, to=self.partner.account.id)

    def revoke_access(self, cloud: Cloud) -> None:
        cloud_access.revoke_partner(cloud, by=self.contact, of=self.partner.account.id)

    def link(self, cloud: Cloud, *, by: Actor) -> None:
        _link(cloud, by=by, to=self.subaccount)

    def link_back(self, cloud: Cloud) -> None:
        """The contact links the cloud to their own account again."""
        if self.own_account.mode is accounts.Mode.TRIAL:
            with session_of(self.contact) as signed_in:
                accounts.switch_to_paid(self.own_account, by=signed_in)
        _link(cloud, by=self.contact, to=self.own_account)


def _link(cloud: Cloud, *, by: Actor, to: BillingAccount) -> None:
    """Link the cloud after a preview of the effect, as on the screen."""
    target = links.target_for(to, by)
    digest = links.preview_link(target, links.find_candidate(target, cloud)).digest
    links.link(cloud, by=by, to=to, preview_digest=digest)

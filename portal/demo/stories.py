"""Stories of customers: what happens to each, and how often each kind occurs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from portal.demo.customer_actions import FOLDERS, SimulatedCustomer
from portal.demo.timeline import (
    DeliveryOutcome,
    Story,
    give_up,
    lose_reply,
    refuse,
    seeded_random,
)
from portal.domain.access import CloudRole

A_MOMENT = timedelta(minutes=7)
"""Between the steps of one sitting, such as sign-up and the answer."""


def wait(customer: SimulatedCustomer, outcome: DeliveryOutcome | None = None) -> Story:
    customer.add(outcome)
    yield customer.random_days(4, 20)
    customer.add_note(is_reminder=True)


def sign_up(customer: SimulatedCustomer) -> Story:
    """The contact signs up and does not answer."""
    customer.add()
    yield customer.random_days(0.5, 2)
    customer.sign_up()


def confirm(
    customer: SimulatedCustomer,
    outcome: DeliveryOutcome | None = None,
    *,
    with_cloud: bool = True,
) -> Story:
    customer.add(outcome, with_cloud=with_cloud)
    yield from _accept(customer)


def _accept(customer: SimulatedCustomer) -> Story:
    yield customer.random_days(0.05, 8)
    customer.sign_up()
    yield A_MOMENT
    customer.accept()


def decline(customer: SimulatedCustomer) -> Story:
    customer.add()
    yield customer.random_days(0.5, 6)
    customer.sign_up()
    yield A_MOMENT
    customer.decline()


def remove(customer: SimulatedCustomer) -> Story:
    yield from wait(customer)
    yield customer.random_days(5, 15)
    customer.remove()


def correct_address(customer: SimulatedCustomer, outcome: DeliveryOutcome | None = None) -> Story:
    customer.add(outcome)
    yield customer.random_days(1, 4)
    customer.correct_address()
    yield from _accept(customer)


def edit(customer: SimulatedCustomer) -> Story:
    yield from confirm(customer)
    yield customer.random_days(3, 30)
    customer.add_note()
    yield customer.random_days(3, 30)
    customer.edit(description="Grew faster than planned; has asked for more quota twice.")


def create_folders(customer: SimulatedCustomer) -> Story:
    yield from confirm(customer)
    for name in customer.rng.sample(FOLDERS, 2):
        yield customer.random_days(0.5, 5)
        customer.create_folder(name)


def link_own_cloud(customer: SimulatedCustomer, *, with_cloud: bool = True) -> Story:
    yield from confirm(customer, with_cloud=with_cloud)
    yield A_MOMENT
    cloud = customer.create_own_cloud()
    yield customer.random_days(1, 20)
    customer.link(cloud, by=customer.contact)


def let_partner_link(customer: SimulatedCustomer) -> Story:
    yield from confirm(customer)
    yield A_MOMENT
    cloud = customer.create_own_cloud()
    yield customer.random_days(1, 10)
    customer.grant_access(cloud, CloudRole.OWNER)
    yield customer.random_days(1, 4)
    customer.link(cloud, by=customer.editor)


def grant_access(customer: SimulatedCustomer, role: CloudRole) -> Story:
    yield from confirm(customer)
    yield A_MOMENT
    cloud = customer.create_own_cloud()
    yield customer.random_days(1, 10)
    customer.grant_access(cloud, role)


def revoke_access(customer: SimulatedCustomer) -> Story:
    yield from confirm(customer)
    yield A_MOMENT
    cloud = customer.create_own_cloud()
    yield customer.random_days(1, 10)
    customer.grant_access(cloud, CloudRole.EDITOR)
    yield customer.random_days(5, 15)
    customer.revoke_access(cloud)


def create_cloud(customer: SimulatedCustomer) -> Story:
    yield from confirm(customer)
    yield customer.random_days(1, 10)
    customer.create_cloud()
    yield A_MOMENT
    customer.add_note()


def suspend(customer: SimulatedCustomer) -> Story:
    yield from confirm(customer)
    yield customer.random_days(10, 25)
    customer.add_note()
    yield customer.random_days(1, 5)
    customer.suspend()


def resume(customer: SimulatedCustomer) -> Story:
    yield from suspend(customer)
    yield customer.random_days(2, 12)
    customer.resume()


def end_suspended(customer: SimulatedCustomer) -> Story:
    yield from suspend(customer)
    yield customer.random_days(10, 20)
    customer.end_partnership(by=customer.partner.owner)


def end_partnership(customer: SimulatedCustomer) -> Story:
    yield from confirm(customer)
    yield customer.random_days(30, 60)
    customer.end_partnership(by=customer.rng.choice((customer.partner.owner, customer.contact)))


def link_back(customer: SimulatedCustomer) -> Story:
    yield from confirm(customer)
    yield A_MOMENT
    cloud = customer.create_own_cloud()
    yield customer.random_days(1, 10)
    customer.link(cloud, by=customer.contact)
    yield customer.random_days(10, 30)
    customer.link_back(cloud)


def leave(customer: SimulatedCustomer) -> Story:
    """The contact links their cloud back and ends the partnership."""
    yield from link_back(customer)
    yield customer.random_days(1, 5)
    customer.end_partnership(by=customer.contact)


def change_partner(first: SimulatedCustomer, second: SimulatedCustomer) -> Story:
    """The cloud of a company moves from one partner's subaccount to the other's."""
    yield from confirm(first)
    yield A_MOMENT
    cloud = first.create_own_cloud()
    yield first.random_days(1, 10)
    first.link(cloud, by=first.contact)
    yield first.random_days(30, 60)
    second.add()
    yield second.random_days(1, 5)
    second.accept()
    yield A_MOMENT
    second.link(cloud, by=second.contact)
    yield first.random_days(1, 5)
    first.end_partnership(by=first.contact)


class StoryKind(NamedTuple):
    """A kind of story: how often it occurs, and how many days ago it may have started.

    `min_days` is long enough for stories that must have come to their end. `records` is the number
    of customer records that the story creates.
    """

    weight: int
    story: Callable[[SimulatedCustomer], Story]
    min_days: int
    max_days: int = 360
    records: int = 1


STORY_KINDS = (
    StoryKind(3, correct_address, 25, records=2),
    StoryKind(3, partial(correct_address, outcome=refuse), 25, records=2),
    StoryKind(20, confirm, 1),
    StoryKind(14, edit, 1),
    StoryKind(7, create_folders, 1),
    StoryKind(10, link_own_cloud, 1),
    StoryKind(3, partial(link_own_cloud, with_cloud=False), 5),
    StoryKind(7, let_partner_link, 1),
    StoryKind(3, partial(grant_access, role=CloudRole.VIEWER), 40),
    StoryKind(2, partial(grant_access, role=CloudRole.EDITOR), 40),
    StoryKind(2, revoke_access, 60),
    StoryKind(8, create_cloud, 1),
    StoryKind(5, suspend, 70, 240),
    StoryKind(4, resume, 90),
    StoryKind(2, end_suspended, 120),
    StoryKind(5, end_partnership, 110),
    StoryKind(3, link_back, 90),
    StoryKind(3, leave, 100),
    StoryKind(8, decline, 15),
    StoryKind(5, remove, 50),
    StoryKind(7, wait, 1, 150),
    StoryKind(1, partial(wait, outcome=refuse), 2, 30),
    StoryKind(2, partial(confirm, outcome=lose_reply), 20),
    StoryKind(1, partial(wait, outcome=lose_reply), 2, 30),
    StoryKind(1, partial(wait, outcome=give_up), 3, 60),
)


def story_kinds(seed: str) -> Iterator[StoryKind]:
    """Yield each kind once, then kinds at random by weight, without end; the same for the same
    seed."""
    yield from STORY_KINDS
    rng = seeded_random(seed)
    while True:
        yield from rng.choices(STORY_KINDS, [kind.weight for kind in STORY_KINDS])

"""Stories of customers: what becomes of them, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from portal.demo.customer_actions import FOLDERS, Life
from portal.demo.timeline import Fate, Story, luck, refused, unanswered, unreachable
from portal.domain.access import CloudRole

A_MOMENT = timedelta(minutes=7)
"""From the link in the mail to the answer: an account has to be made first."""


def waits(life: Life, fate: Fate | None = None) -> Story:
    life.add(fate)
    yield life.days(4, 20)
    life.note(chasing=True)


def hesitates(life: Life) -> Story:
    life.add()
    yield life.days(0.5, 2)
    life.sign_up()


def confirms(life: Life, fate: Fate | None = None, *, with_cloud: bool = True) -> Story:
    life.add(fate, with_cloud=with_cloud)
    yield from answers(life)


def answers(life: Life) -> Story:
    yield life.days(0.05, 8)
    life.sign_up()
    yield A_MOMENT
    life.accept()


def declines(life: Life) -> Story:
    life.add()
    yield life.days(0.5, 6)
    life.sign_up()
    yield A_MOMENT
    life.decline()


def is_removed(life: Life) -> Story:
    yield from waits(life)
    yield life.days(5, 15)
    life.remove()


def is_corrected(life: Life, fate: Fate | None = None) -> Story:
    life.add(fate)
    yield life.days(1, 4)
    life.correct_address()
    yield from answers(life)


def grows(life: Life) -> Story:
    yield from confirms(life)
    yield life.days(3, 30)
    life.note()
    yield life.days(3, 30)
    life.edit(description="Grew faster than planned; has asked for more quota twice.")


def works(life: Life) -> Story:
    yield from confirms(life)
    for name in life.chance.sample(FOLDERS, 2):
        yield life.days(0.5, 5)
        life.create_folder(name)


def links(life: Life, *, with_cloud: bool = True) -> Story:
    yield from confirms(life, with_cloud=with_cloud)
    yield A_MOMENT
    own = life.create_own_cloud()
    yield life.days(1, 20)
    life.link(own, by=life.person)


def is_linked(life: Life) -> Story:
    yield from confirms(life)
    yield A_MOMENT
    own = life.create_own_cloud()
    yield life.days(1, 10)
    life.let_in(own, CloudRole.OWNER)
    yield life.days(1, 4)
    life.link(own, by=life.editor)


def lets_look(life: Life, role: CloudRole) -> Story:
    yield from confirms(life)
    yield A_MOMENT
    own = life.create_own_cloud()
    yield life.days(1, 10)
    life.let_in(own, role)


def turns_out(life: Life) -> Story:
    yield from confirms(life)
    yield A_MOMENT
    own = life.create_own_cloud()
    yield life.days(1, 10)
    life.let_in(own, CloudRole.EDITOR)
    yield life.days(5, 15)
    life.turn_out(own)


def is_served(life: Life) -> Story:
    yield from confirms(life)
    yield life.days(1, 10)
    life.create_cloud()
    yield A_MOMENT
    life.note()


def is_suspended(life: Life) -> Story:
    yield from confirms(life)
    yield life.days(10, 25)
    life.note()
    yield life.days(1, 5)
    life.suspend()


def is_resumed(life: Life) -> Story:
    yield from is_suspended(life)
    yield life.days(2, 12)
    life.resume()


def is_given_up(life: Life) -> Story:
    yield from is_suspended(life)
    yield life.days(10, 20)
    life.end(by=life.owner)


def ends(life: Life) -> Story:
    yield from confirms(life)
    yield life.days(30, 60)
    life.end(by=life.chance.choice((life.owner, life.person)))


def takes_back(life: Life) -> Story:
    yield from confirms(life)
    yield A_MOMENT
    own = life.create_own_cloud()
    yield life.days(1, 10)
    life.link(own, by=life.person)
    yield life.days(10, 30)
    life.take_back(own)


def leaves(life: Life) -> Story:
    yield from takes_back(life)
    yield life.days(1, 5)
    life.end(by=life.person)


def changes_partner(first: Life, second: Life) -> Story:
    """Its cloud moves from one partner's subaccount to the other's."""
    yield from confirms(first)
    yield A_MOMENT
    own = first.create_own_cloud()
    yield first.days(1, 10)
    first.link(own, by=first.person)
    yield first.days(30, 60)
    second.add()
    yield second.days(1, 5)
    second.accept()
    yield A_MOMENT
    second.link(own, by=second.person)
    yield first.days(1, 5)
    first.end(by=first.person)


class Kind(NamedTuple):
    """What may become of a customer: how often, and added how many days ago; a story that is to
    have come to its end is told of one who was added long enough ago."""

    often: int
    story: Callable[[Life], Story]
    least: int
    most: int = 360
    records: int = 1


KINDS = (
    Kind(3, is_corrected, 25, records=2),
    Kind(3, partial(is_corrected, fate=refused), 25, records=2),
    Kind(20, confirms, 1),
    Kind(14, grows, 1),
    Kind(7, works, 1),
    Kind(10, links, 1),
    Kind(3, partial(links, with_cloud=False), 5),
    Kind(7, is_linked, 1),
    Kind(3, partial(lets_look, role=CloudRole.VIEWER), 40),
    Kind(2, partial(lets_look, role=CloudRole.EDITOR), 40),
    Kind(2, turns_out, 60),
    Kind(8, is_served, 1),
    Kind(5, is_suspended, 70, 240),
    Kind(4, is_resumed, 90),
    Kind(2, is_given_up, 120),
    Kind(5, ends, 110),
    Kind(3, takes_back, 90),
    Kind(3, leaves, 100),
    Kind(8, declines, 15),
    Kind(5, is_removed, 50),
    Kind(7, waits, 1, 150),
    Kind(1, partial(waits, fate=refused), 2, 30),
    Kind(2, partial(confirms, fate=unanswered), 20),
    Kind(1, partial(waits, fate=unanswered), 2, 30),
    Kind(1, partial(waits, fate=unreachable), 3, 60),
)


def deck(seed: str) -> Iterator[Kind]:
    """One of each kind, then without end as often as they occur; the same ones for the same
    seed."""
    yield from KINDS
    chance = luck(seed)
    while True:
        yield from chance.choices(KINDS, [kind.often for kind in KINDS])

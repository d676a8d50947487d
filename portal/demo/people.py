"""The demonstration's people: who they are, what to try with them, and acting as them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from portal.domain import accounts, identity, values
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND, Actor
from portal.domain.identity import User

N_ = str
"""Marks a sentence to translate where it is shown."""
PASSWORD = "demonstration"  # noqa: S105 - of invented people, in a local run only

OLGA, EDDIE, VERA = "olga@halden.example", "eddie@halden.example", "vera@halden.example"
AMIRA, PIET = "amira@halden.example", "piet@halden.example"
LUCIA, MAREK = "lucia@halden.example", "marek@halden.example"
SAM, NOOR = "sam@tidewater.example", "noor@tidewater.example"
CARL, TINA = "carl@nettlecombe.example", "tina@saltmarsh.example"
GLEB = "it@severny-veter.example"
INGRID = "ingrid@northfold.example"

PEOPLE = {
    # address: (name, what to try with it)
    OLGA: ("Olga Brandt", N_("owner of the partner Halden Integration")),
    EDDIE: ("Eddie Moreau", N_("editor there: adds customers")),
    VERA: ("Vera Lind", N_("viewer there: only looks")),
    AMIRA: ("Amira Haddad", N_("admin there, in Russian")),
    CARL: ("Carl Lindqvist", N_("customer, invited by two partners")),
    GLEB: ("Глеб Озерай", N_("customer, invited by one, in Russian")),
    SAM: ("Sam Okafor", N_("owner of another partner, Tidewater Systems")),
    TINA: ("Tina Roux", N_("owner of a partner still in trial")),
    INGRID: ("Ingrid Solheim", N_("operator: sees the work, reads the feedback on the guide")),
}
COLLEAGUES = {
    PIET: "Piet Janssen",
    LUCIA: "Lucia Ferro",
    MAREK: "Marek Dvořák",
    NOOR: "Noor Siddiqui",
}
RUSSIAN_READERS = (AMIRA, GLEB)


def exist() -> bool:
    """Whether the database has all of PEOPLE: only the demonstration creates them."""
    return all(identity.user_by_email(email) is not None for email in PEOPLE)


@contextmanager
def session_of(actor: Actor) -> Iterator[Actor]:
    """Yield the actor in a session that begins now and ends with the block, for what asks for the
    password."""
    session_actor = identity.actor_of_session(identity.open_session(actor.id, user_agent=""))
    assert session_actor is not None  # noqa: S101 - it has just begun
    yield session_actor[0]
    identity.end_session(session_actor[0])


class Directory:
    """Everyone with an account, by address. All have the same password, hashed once."""

    def __init__(self, password_hash: str) -> None:
        self._password_hash = password_hash
        self._accounts: dict[str, tuple[User, BillingAccount]] = {}

    def sign_up(self, email: str, name: str = "") -> None:
        """Create the user unless they have an account. `name` may be empty for PEOPLE and
        COLLEAGUES."""
        if email in self._accounts:
            return
        name = name or COLLEAGUES.get(email) or PEOPLE[email][0]
        self._accounts[email] = accounts.register(
            values.email(email),
            name=name,
            password_hash=self._password_hash,
            language="ru" if email in RUSSIAN_READERS else "en",
            by=COMMAND,
        )

    def actor(self, email: str) -> Actor:
        """Return the user with this address as an actor."""
        return identity.as_actor(self.user(email))

    def user(self, email: str) -> User:
        """Return the user with this address."""
        return self._accounts[email][0]

    def own_account(self, email: str) -> BillingAccount:
        """Return the billing account that the user got at sign-up."""
        return self._accounts[email][1]

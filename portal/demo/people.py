"""The demonstration's people: who they are, what to try with them, and acting as them."""

from __future__ import annotations

from portal.domain import accounts, identity, values
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND, Actor
from portal.domain.identity import User

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
    OLGA: ("Olga Brandt", "owner of the partner Halden Integration"),
    EDDIE: ("Eddie Moreau", "editor there: adds customers"),
    VERA: ("Vera Lind", "viewer there: only looks"),
    AMIRA: ("Amira Haddad", "admin there, in Russian"),
    CARL: ("Carl Lindqvist", "customer, invited by two partners"),
    GLEB: ("Глеб Озерай", "customer, invited by one, in Russian"),
    SAM: ("Sam Okafor", "owner of another partner, Tidewater Systems"),
    TINA: ("Tina Roux", "owner of a partner still in trial"),
    INGRID: ("Ingrid Solheim", "operator: reads what is said of the guide"),
}
COLLEAGUES = {
    PIET: "Piet Janssen",
    LUCIA: "Lucia Ferro",
    MAREK: "Marek Dvořák",
    NOOR: "Noor Siddiqui",
}
READ_RUSSIAN = (AMIRA, GLEB)


class Cast:
    """Everyone who has an account, found once. All have the same password, hashed once."""

    def __init__(self, password_hash: str) -> None:
        self._password_hash = password_hash
        self._known: dict[str, tuple[User, BillingAccount]] = {}

    def sign_up(self, email: str, name: str = "") -> None:
        """An account, unless they have one; the names of PEOPLE and COLLEAGUES are known."""
        if email in self._known:
            return
        name = name or COLLEAGUES.get(email) or PEOPLE[email][0]
        self._known[email] = accounts.register(
            values.email(email),
            name=name,
            password_hash=self._password_hash,
            language="ru" if email in READ_RUSSIAN else "en",
            by=COMMAND,
        )

    def actor(self, email: str) -> Actor:
        """The one who acts."""
        return identity.as_actor(self.user(email))

    def user(self, email: str) -> User:
        """Their account."""
        return self._known[email][0]

    def own(self, email: str) -> BillingAccount:
        """The billing account that they got when they signed up."""
        return self._known[email][1]

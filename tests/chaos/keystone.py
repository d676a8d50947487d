"""A real Keystone in a chaos run: people get and lose access to its projects meanwhile."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from portal import db
from portal.domain import access, cloud_access, memberships
from portal.domain.access import CloudAccess, CloudRole
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.connections import Findings
from portal.domain.errors import Refused
from portal.domain.memberships import Membership
from portal.providers.contract import Role
from portal.worker.access_orders import ROLES
from tests.chaos.load import persist
from tests.chaos.site import Site
from tests.chaos.worker import CLOUD, connect_cloud
from tests.clouds import keystone
from tests.clouds.domains import MANAGER_PASSWORD, Admin, Domain
from tests.support.connections import use_key
from tests.support.world import DORA, NINA, SAM, TINA, actor, signed_in, user

PEOPLE = (DORA, SAM, TINA)
FINDINGS = Findings(("access", "suspend"), (), 300)


@contextmanager
def run_keystone(folder: Path) -> Iterator[Domain]:
    """Run Keystone with a domain for the portal; the workers and this process know it from their
    environment. Raises environments.Unavailable."""
    with keystone.start(folder / "keystone") as server:
        domain = Admin(server).create_domain()
        settings = {"auth_url": server.url, "username": "portal", "password": MANAGER_PASSWORD}
        os.environ[CLOUD] = json.dumps(settings | {"domain": domain.name})
        yield domain


def use_key_of(site: Site) -> None:
    """Let the processes of the site seal accesses with a key."""
    file = site.folder / "keys"
    use_key(file)
    site.settings["CREDENTIALS_KEY_FILE"] = str(file)


class People:
    """People who get access to clouds, a weaker role, and lose it, in a thread."""

    def __init__(self, site: Site, is_over: Callable[[], bool]) -> None:
        self.site, self.is_over, self.steps = site, is_over, 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with self.site.app.app_context():
            while not self.is_over():
                self.steps += bool(persist(lambda: db.write(self._step)))
                time.sleep(0.5)

    def _step(self) -> bool:
        """Take the next step with a random person on a random cloud that exists."""
        is_there = Cloud.name.like("cloud-%"), Cloud.external_id.is_not(None)
        ids = db.session.scalars(select(Cloud.id).where(*is_there).order_by(Cloud.id)).all()
        if not ids:
            return False
        cloud = db.session.get_one(Cloud, self.site.random.choice(ids))
        email = self.site.random.choice(PEOPLE)
        role = _role_of(email, cloud)
        try:
            with db.savepoint():
                if role is None:
                    _get_access(email, cloud)
                elif role is CloudRole.EDITOR and self.site.random.random() < 0.5:
                    verb, to = cloud_access.change, CloudRole.VIEWER
                    verb(cloud, by=signed_in(NINA), role=to, of=user(email).id)
                else:
                    cloud_access.revoke(cloud, by=actor(NINA), of=user(email).id)
        except Refused:  # as long as the customer is suspended
            return False
        return True


def _role_of(email: str, cloud: Cloud) -> CloudRole | None:
    is_theirs = CloudAccess.cloud_id == cloud.id, CloudAccess.user_id == user(email).id
    query = select(CloudAccess.role).where(*is_theirs, CloudAccess.revoked_at.is_(None))
    return db.session.scalar(query)


def _get_access(email: str, cloud: Cloud) -> None:
    by, role = signed_in(email), CloudRole.EDITOR
    access.assign_cloud_role(role, cloud_id=cloud.id, user_id=by.id, by=COMMAND)
    memberships.get_access(cloud, by=by, name="Laptop", days=9)


def compare_people(domain: Domain) -> tuple[int, int, int]:
    """How many memberships are agreed; how many clouds have others at Keystone; how many users
    there are none of these memberships, or there twice."""
    provider = connect_cloud()
    agreed: dict[str, dict[str, Role | None]] = defaultdict(dict)
    for row in db.read(lambda: db.session.scalars(select(Membership)).all()):
        if row.revoking_at is None and row.role is not None:
            agreed[row.cloud_id][row.id] = provider.role_there(ROLES[row.role])
    there = {found.our_id: dict(found.members or {}) for found in provider.everything()}
    differ = sum(agreed.get(cloud_id, {}) != members for cloud_id, members in there.items())
    users = Counter(str(row["name"]) for row in domain.users())
    known = {membership_id for members in agreed.values() for membership_id in members}
    many = sum(name not in known or count > 1 for name, count in users.items())
    return len(known), differ + len(agreed.keys() - there.keys()), many

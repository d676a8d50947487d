"""Run chaos on orders of clouds: `python -m tests.chaos.clouds [sqlite|postgresql …] [--seed N]`.

Clouds are created, renamed, suspended and resumed at the example of a webhook program, or with
`--keystone` at a real Keystone, where people get and lose access, too. Meanwhile random workers and
the web server are killed. The exit status is 1 unless each cloud and each person is there once, as
agreed, and nothing is left to do.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import func, select

from portal import db
from portal.domain import clouds, connections, customers
from portal.domain.clouds import Cloud, PendingTasks, has_tasks, pending_query
from portal.domain.connections import KINDS, Findings, KindSpec
from portal.domain.customers import Customer
from portal.domain.jobs import OPEN_STATES, Job, Kind, State
from portal.providers import contract
from portal.webhook_signatures import new_secret
from tests.chaos.__main__ import run_doctor
from tests.chaos.keystone import FINDINGS, People, compare_people, run_keystone, use_key_of
from tests.chaos.load import persist
from tests.chaos.site import Site
from tests.chaos.worker import CLOUD, CLOUD_KIND, connect_cloud
from tests.clouds.domains import Domain
from tests.support.processes import read_until, run_program
from tests.support.visitor import Visitor
from tests.support.work import appoint_operator
from tests.support.world import NINA, OLGA, PASSWORD, actor

CREATORS, CLOUDS_EACH, TURNS = 2, 30, 6
"""Browsers, the clouds that each creates, and how often the customer is suspended and resumed."""
ORDERS = 200
"""Clouds are renamed until so many orders are carried out."""
RECOVERY = 300
"""Seconds after which it has failed to recover."""
HEADER = (
    "| Database | Orders carried out | Kills | Clouds | Missing | Twice | Not as agreed"
    " | Left to do | Seconds to recover |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)


class Load:
    """The changes, in threads; what was not acknowledged is in `problems`."""

    def __init__(self, site: Site) -> None:
        self.site, self.problems = site, list[str]()
        self.creators = [
            threading.Thread(target=self._create, args=(n,), daemon=True) for n in range(CREATORS)
        ]
        self.threads = [*self.creators, threading.Thread(target=self._turn, daemon=True)]
        self.threads += [threading.Thread(target=self._rename, daemon=True)]
        for thread in self.threads:
            thread.start()

    @property
    def is_running(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)

    def is_ending(self) -> bool:
        """Whether all clouds are created, and enough orders are carried out."""
        return not any(creator.is_alive() for creator in self.creators) and is_enough()

    def _create(self, creator: int) -> None:
        visitor = Visitor(self.site.port, timeout=20)
        assert persist(lambda: visitor.sign_in(NINA, PASSWORD).status == 303 or None)
        for number in range(CLOUDS_EACH):
            name = f"cloud-{creator}-{number}"
            if not persist(lambda name=name: self._send(visitor, name)):  # type: ignore[misc]
                self.problems.append(f"{name} was never acknowledged")
            time.sleep(0.3)

    def _send(self, visitor: Visitor, name: str) -> bool | None:
        """Send the form until it is answered; True if the cloud was created."""
        path = "/console/clouds/create"
        form = visitor.hidden_fields(path) | {"name": name, "folder_name": "default"}
        if "form_key" not in form:
            return None
        body = urlencode(form | {"account_id": self.site.world.ninas_subaccount}).encode()

        def send() -> int | None:
            response = visitor.request(path, body)
            return response.status if response.status in (303, 422) else None

        return persist(send) == 303 or None  # 422: the customer is suspended

    def _turn(self) -> None:
        with self.site.app.app_context():
            for turn in range(2 * TURNS):
                verb = customers.resume if turn % 2 else customers.suspend
                persist(lambda verb=verb: db.write(lambda: self._change_customer(verb)))  # type: ignore[misc]
                time.sleep(self.site.random.uniform(5, 10))

    def _change_customer(self, verb: object) -> bool:
        customer = db.session.get_one(Customer, self.site.world.ninas_customer)
        is_suspended = customer.status is customers.Status.SUSPENDED
        if is_suspended is not (verb is customers.suspend):  # else it was saved before
            verb(customer, by=actor(OLGA))  # type: ignore[operator]
        return True

    def _rename(self) -> None:
        with self.site.app.app_context():
            while not self.is_ending():
                persist(lambda: db.write(self._rename_one))
                time.sleep(0.2)

    def _rename_one(self) -> bool:
        ids = db.session.scalars(select(Cloud.id).where(Cloud.name.like("cloud-%"))).all()
        if ids:
            cloud = db.session.get_one(Cloud, self.site.random.choice(ids))
            name = f"cloud-{self.site.random.randrange(10**6)}"
            clouds.rename(cloud, by=actor(NINA), name=name)
        return True


@contextmanager
def run_program_of_clouds() -> Iterator[Domain | None]:
    """Run the example; the workers and this process know it from their environment."""
    secret = new_secret()
    arguments = [sys.executable, "-m", "tests.providers.webhook_system"]
    with run_program(arguments, {**os.environ, "WEBHOOK_SECRET": secret}) as program:
        port = read_until(program.stdout, "port").rsplit(maxsplit=1)[-1]
        os.environ[CLOUD] = f"http://127.0.0.1:{port} {secret}"
        yield None


def add_connection(findings: Findings) -> None:
    by = appoint_operator()
    KINDS[CLOUD_KIND] = KindSpec(asks=True)

    def unit() -> None:
        connection = connections.add(CLOUD_KIND, name="Program", values={}, by=by)
        connections.record_test(connection.id, findings)
        connections.make_default(connection, by=by)

    db.write(unit)


def carried_out() -> int:
    """How many orders are carried out."""
    query = select(func.count()).where(Job.kind == Kind.CLOUDS, Job.state == State.DONE)
    return db.read(lambda: db.session.execute(query).scalar_one())


def is_enough() -> bool:
    return (persist(carried_out) or 0) >= ORDERS


def left_to_do() -> int:
    """How many orders are open, and how many clouds are not as agreed."""
    orders = select(func.count()).where(Job.kind == Kind.CLOUDS, Job.state.in_(OPEN_STATES))
    waiting = pending_query().where(has_tasks()).with_only_columns(func.count())
    return db.read(
        lambda: db.session.execute(orders).scalar_one() + db.session.execute(waiting).scalar_one()
    )


def cause_chaos(site: Site, load: Load) -> float | None:
    """Kill processes until the load has ended; the seconds until nothing was left to do."""
    while load.is_running:
        time.sleep(site.random.uniform(1, 3))
        if site.random.random() < 0.1 and site.web.is_ready:
            site.kill(site.web)
        else:
            site.kill_worker()
    began = time.monotonic()
    while time.monotonic() - began < RECOVERY:
        if persist(left_to_do) == 0:
            return time.monotonic() - began
        time.sleep(0.2)
    return None


def compare(load: Load) -> tuple[str, bool]:
    """The columns of the table from *Orders carried out* on, but kills and seconds; whether all is
    as agreed."""
    everything = list(connect_cloud().everything())
    count = Counter(found.our_id for found in everything)
    there = {found.our_id: (found.name, found.is_suspended) for found in everything}
    name_there = connect_cloud().name_there
    query = pending_query().where(Cloud.name.like("cloud-%"))
    rows = db.read(lambda: [PendingTasks(*row) for row in db.session.execute(query)])
    agreed = {
        row.cloud.id: (
            name_there(contract.Cloud(row.cloud.id, row.cloud.name)),
            row.payer.suspended_at is not None,
        )
        for row in rows
    }
    missing = sum(cloud_id not in there for cloud_id in agreed)
    twice = sum(number > 1 for number in count.values()) + len(set(there) - set(agreed))
    differ = sum(there.get(cloud_id, it) != it for cloud_id, it in agreed.items())
    left = left_to_do()
    is_good = not (missing or twice or differ or left or load.problems)
    is_good &= len(agreed) == CREATORS * CLOUDS_EACH
    return (
        f"{carried_out()} | {{kills}} | {len(agreed)} | {missing} | {twice} | {differ} | {left}",
        is_good,
    )


def run(kind: str, seed: int, *, is_keystone: bool) -> bool:
    """Run it on this kind of database, and print its row. Whether all is as agreed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="portal-chaos-")))
        domain = stack.enter_context(
            run_keystone(folder) if is_keystone else run_program_of_clouds()
        )
        site = Site(kind, folder, seed)
        stack.enter_context(site.app.app_context())
        stack.callback(site.close)
        add_connection(FINDINGS if domain else Findings())
        if domain:
            use_key_of(site)
        stack.enter_context(site.run())
        load = Load(site)
        if domain:
            load.threads.append(People(site, load.is_ending).thread)
        seconds = cause_chaos(site, load)
        columns, is_good = compare(load)
        if domain:
            is_good &= print_people(domain)
        is_healthy = run_doctor(site)
    ended = "never" if seconds is None else f"{seconds:.0f}"
    print(f"| {kind}, seed {seed} | {columns.format(kills=site.kills)} | {ended} |", flush=True)
    for problem in load.problems:
        print(problem)
    return is_good and is_healthy and seconds is not None


def print_people(domain: Domain) -> bool:
    """Print how memberships compare with Keystone. Whether they are as agreed."""
    agreed, differ, many = compare_people(domain)
    print(f"{agreed} memberships; {differ} clouds with others at Keystone; {many} users too many")
    is_failed = Job.kind == Kind.CLOUDS, Job.state == State.FAILED
    query = select(Job.subject_kind, Job.answer, func.count()).where(*is_failed)
    for row in db.read(
        lambda: db.session.execute(query.group_by(Job.subject_kind, Job.answer)).all()
    ):
        print("waits for an operator:", *row)
    return agreed > 0 and not (differ or many)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", default=["sqlite", "postgresql"])
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--keystone", action="store_true", help="a real one in place of a program")
    options = parser.parse_args()
    print(HEADER)
    seed, is_keystone = options.seed, options.keystone
    results = [run(kind, seed, is_keystone=is_keystone) for kind in options.kinds]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()

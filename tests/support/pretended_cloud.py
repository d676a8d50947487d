"""A pretended cloud, in memory, behind a connection of its own kind; it fails as it is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import date
from typing import Any, NamedTuple

import pytest

from portal import db, worker
from portal.domain import clouds, connections
from portal.domain.clouds import Cloud, Progress
from portal.domain.connections import KINDS, Findings, KindSpec
from portal.domain.jobs import Kind
from portal.providers import contract
from portal.providers.contract import Done, Found, Role, Running
from portal.worker import providers
from tests.support.work import appoint_operator


class Failure(NamedTuple):
    """What a call ends with; with `is_done` the answer alone is lost."""

    result: Exception | Running
    is_done: bool = False


class PretendedCloud:
    """What it has, by external ID, our IDs of them, people's roles, and the calls."""

    def __init__(self) -> None:
        self.clouds: dict[str, dict[str, Any]] = {}
        self.marks: dict[str, str] = {}
        self.members: dict[str, dict[str, Role]] = {}
        self.calls: list[str] = []
        self.failures: list[Failure] = []
        """Of the next calls, one each."""
        self.operations: dict[str, Done | Running | Exception] = {}
        self.meanwhile: list[Callable[[], object]] = []
        """What happens during the next calls, before they do anything."""
        self.usage_rows: list[contract.Usage] = []
        """What every day used."""
        self.is_empty_there: bool | None = None
        self.done = Done()
        """What is answered to suspend and close."""

    def fail(self, *results: Exception | Running, is_done: bool = False) -> None:
        self.failures += [Failure(result, is_done) for result in results]

    def _call(self, name: str, act: Callable[[], Done]) -> Done | Running:
        self.calls.append(name)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        failure = self.failures.pop(0) if self.failures else None
        if failure is None:
            return act()
        if failure.is_done:
            act()
        if isinstance(failure.result, Exception):
            raise failure.result
        return failure.result

    def add(self, external_id: str, name: str = "Theirs", our_id: str = "") -> None:
        """Have this cloud, which somebody made there unless it has our ID."""
        self.clouds[external_id] = {"name": name, "is_suspended": False, "is_closed": False}
        self.marks[external_id] = our_id

    def is_empty(self, external_id: str) -> bool | None:
        self._call("empty", Done)
        return self.is_empty_there

    def name_there(self, cloud: contract.Cloud) -> str:
        return cloud.name

    def role_there(self, role: Role) -> Role | None:
        """As a cloud that knows only who reads and who writes."""
        return Role.VIEWER if role is Role.VIEWER else Role.EDITOR

    def role_of(self, external_id: str, identity: tuple[str, str]) -> Role | None:
        self.calls.append("role")
        return self.members.get(external_id, {}).get(identity[1])

    def usage(self, external_ids: Collection[str], day: date) -> list[contract.Usage]:
        self._call(f"usage {day}", Done)
        return self.usage_rows  # of other clouds, too

    def everything(self) -> Iterator[Found]:
        self.calls.append("everything")
        if self.failures:
            raise self.failures.pop(0).result  # type: ignore[misc]
        for external_id, cloud in self.clouds.items():
            mark, members = self.marks.get(external_id, ""), self.members.get(external_id)
            yield Found(external_id, cloud["name"], mark, cloud["is_suspended"], members)

    def ensure_cloud(self, order: str, cloud: contract.Cloud) -> Done | Running:
        external_id = f"ext-{cloud.id}"

        def create() -> Done:
            if external_id not in self.clouds:
                self.add(external_id, name=cloud.name, our_id=cloud.id)
            return Done(external_id)

        return self._call("ensure", create)

    def _change(self, call: str, external_id: str, **values: object) -> Done | Running:
        def change() -> Done:
            self.clouds[external_id].update(values)
            return self.done

        return self._call(call, change)

    def change_cloud(self, order: str, external_id: str, cloud: contract.Cloud) -> Done | Running:
        self.marks[external_id] = cloud.id
        limits = {"limits": dict(cloud.limits)} if cloud.limits else {}
        return self._change("change", external_id, name=cloud.name, **limits)

    def suspend(self, order: str, external_id: str) -> Done | Running:
        return self._change("suspend", external_id, is_suspended=True)

    def resume(self, order: str, external_id: str) -> Done | Running:
        return self._change("resume", external_id, is_suspended=False)

    def close(self, order: str, external_id: str) -> Done | Running:
        return self._change("close", external_id, is_closed=True)

    def grant(
        self, order: str, external_id: str, member: contract.Member, role: Role
    ) -> Done | Running:
        def give() -> Done:
            self.members.setdefault(external_id, {})[member.id] = role
            return Done()

        return self._call("grant", give)

    def revoke(
        self, order: str, external_id: str, member: contract.Member, *, stop: bool = False
    ) -> Done | Running:
        def take() -> Done:
            self.members.get(external_id, {}).pop(member.id, None)
            return Done()

        return self._call("revoke", take)

    def operation(self, order: str, operation: str) -> Done | Running:
        self.calls.append(f"operation {operation}")
        result = self.operations[operation]
        if isinstance(result, Exception):
            raise result
        return result


def use_pretended(patch: pytest.MonkeyPatch, name: str = "Frankfurt") -> PretendedCloud:
    """Let new clouds be created on a connection to a pretended cloud."""
    cloud = PretendedCloud()
    use_asking(patch, "pretended", cloud, name)
    return cloud


def use_asking(patch: pytest.MonkeyPatch, kind: str, provider: Any, name: str = "Frankfurt") -> str:
    """Let new clouds be created on a connection with this provider; the ID of the connection."""
    patch.setitem(KINDS, kind, KindSpec(asks=True, has_limits=True))
    patch.setitem(providers.PROVIDERS, kind, lambda _settings, _credentials: provider)
    by = appoint_operator()

    def unit() -> str:
        connection = connections.add(kind, name=name, values={}, by=by)
        connections.record_test(connection.id, Findings())
        connections.make_default(connection, by=by)
        return connection.id

    return db.write(unit)


def run_orders() -> None:
    """Carry out the orders that are due."""
    while worker.run_next(Kind.CLOUDS):
        pass


def cloud_now(cloud_id: str) -> Cloud:
    """The cloud as it is now."""
    return db.read(lambda: db.session.get_one(Cloud, cloud_id))


def progress(cloud_id: str) -> Progress:
    """What people read about the cloud."""
    return db.read(lambda: clouds.progress_for([cloud_id])[cloud_id])

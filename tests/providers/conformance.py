"""The conformance suite: every kind of cloud passes the same tests.

A kind's module has a subclass of `Conformance` whose name begins with `Test`, and a fixture `world`
that gives a `World`: a real system of the kind, and connections to it. The fixture may have any
scope: each test makes clouds and members of its own and leaves the others alone.

    class TestWebhook(Conformance):
        @pytest.fixture(scope="module")
        def world(self) -> Iterator[World]: ...

A test calls the provider as a worker does: `finish` asks for what is `Running` until it has ended.
What the system itself says is asked of the `World`, never of the provider.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from portal.providers.contract import (
    CALL_SECONDS,
    Access,
    Cloud,
    Done,
    Later,
    Member,
    NeedsPerson,
    Never,
    Provider,
    Role,
    Running,
)
from tests.providers import faulty_servers
from tests.support.processes import TIMEOUT_SECONDS


class World(Protocol):
    """The other side of a connection."""

    port: int
    """Where the system listens on 127.0.0.1."""

    def connect(
        self, port: int | None = None, *, tls: bool = False, seconds: float = CALL_SECONDS
    ) -> Provider:
        """A connection to the system; with a port, what listens there stands between or instead.
        `tls`: the address begins with https. A call ends after `seconds`."""
        ...

    def signs_in(self, access: Access) -> bool:
        """Whether the system lets someone with this access into the cloud now."""
        ...

    def create_cloud(self, name: str) -> str:
        """Create a cloud by hand, without the portal; returns its external ID."""
        ...

    def occupy(self, cloud: Cloud) -> None:
        """Create by hand what has the name that the system would give to this cloud."""
        ...

    def delete_cloud(self, external_id: str) -> None:
        """Delete a cloud by hand."""
        ...

    def delete_member(self, external_id: str, member: Member) -> None:
        """Delete by hand what the provider made for the member."""
        ...


def new_cloud(name: str = "Web shop") -> Cloud:
    return Cloud(secrets.token_hex(8), name)


def new_member() -> Member:
    return Member(secrets.token_hex(8), "Nina", "nina@customer.example")


def new_order() -> str:
    return secrets.token_hex(8)


def finish(
    provider: Provider, call: Callable[..., Done | Access | Running], *args: object, **kw: object
) -> Done | Access:
    """Order it under a new ID, and ask until it has ended."""
    return finish_order(provider, new_order(), call, *args, **kw)


def finish_order(
    provider: Provider,
    order: str,
    call: Callable[..., Done | Access | Running],
    *args: object,
    **kw: object,
) -> Done | Access:
    result = call(order, *args, **kw)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while isinstance(result, Running):
        assert time.monotonic() < deadline, "it did not end"
        time.sleep(0.02)  # the wish of `retry_after` is the worker's
        result = provider.operation(order, result.operation)
    return result


def create(provider: Provider, cloud: Cloud) -> str:
    """Create the cloud; returns its external ID."""
    done = finish(provider, provider.ensure_cloud, cloud)
    assert isinstance(done, Done)
    assert done.external_id
    return done.external_id


def get_access(
    provider: Provider, external_id: str, member: Member, access_id: str = "", order: str = ""
) -> Access:
    access = finish_order(
        provider,
        order or new_order(),
        provider.access,
        external_id,
        member,
        access_id=access_id or new_order(),
        secret=secrets.token_urlsafe(24),
        until=datetime.now(UTC) + timedelta(days=1),
    )
    assert isinstance(access, Access)
    return access


def give_access(provider: Provider, external_id: str, member: Member) -> Access:
    """Grant the member a role and get them an access."""
    finish(provider, provider.grant, external_id, member, Role.EDITOR)
    return get_access(provider, external_id, member)


def count(provider: Provider, cloud: Cloud) -> int:
    """How many clouds of the connection are this one."""
    return sum(found.our_id == cloud.id for found in provider.everything())


class Conformance:
    @pytest.fixture
    def provider(self, world: World) -> Provider:
        return world.connect()

    def test_a_good_connection_passes_its_test(self, provider: Provider) -> None:
        assert provider.preflight().missing == ()

    def test_a_new_cloud_is_found_by_its_id_and_in_the_list(self, provider: Provider) -> None:
        cloud = new_cloud()

        external_id = create(provider, cloud)

        found = provider.find(external_id)
        assert found is not None
        assert (found.external_id, found.our_id) == (external_id, cloud.id)
        assert count(provider, cloud) == 1

    def test_each_call_may_be_made_twice(self, world: World, provider: Provider) -> None:
        cloud, member = new_cloud(), new_member()

        def twice(call: Callable[..., Done | Running], *args: object, **kw: object) -> Done:
            order = new_order()
            first = finish_order(provider, order, call, *args, **kw)
            second = finish_order(provider, order, call, *args, **kw)
            assert isinstance(first, Done)
            assert isinstance(second, Done)
            assert first.external_id == second.external_id
            return first

        external_id = twice(provider.ensure_cloud, cloud).external_id
        twice(provider.change_cloud, external_id, Cloud(cloud.id, "Web shop 2"))
        twice(provider.grant, external_id, member, Role.EDITOR)
        order, access_id = new_order(), new_order()
        get_access(provider, external_id, member, access_id, order)
        access = get_access(provider, external_id, member, access_id, order)
        assert world.signs_in(access)
        twice(provider.suspend, external_id)
        assert not world.signs_in(access)
        twice(provider.resume, external_id)
        assert world.signs_in(access)
        twice(provider.withdraw, external_id, member, access_id=access_id)
        assert not world.signs_in(access)
        twice(provider.revoke, external_id, member)
        twice(provider.close, external_id)
        assert count(provider, cloud) == 1

    def test_two_workers_create_one_cloud(self, world: World) -> None:
        cloud, providers = new_cloud(), [world.connect(), world.connect()]

        def ensure(provider: Provider) -> None:
            for _ in range(20):
                try:
                    create(provider, cloud)
                    return
                except Later:
                    time.sleep(0.05)

        with ThreadPoolExecutor() as pool:
            list(pool.map(ensure, providers))

        assert count(providers[0], cloud) == 1

    @pytest.mark.parametrize("what", ["ensure", "grant", "access", "revoke"])
    def test_an_answer_that_is_lost_is_asked_for_again(self, world: World, what: str) -> None:
        """Each answer of a call is lost once, the first, then the second, and so on."""
        cloud, member = new_cloud(), new_member()
        direct = world.connect()
        external_id = "" if what == "ensure" else create(direct, cloud)
        old = give_access(direct, external_id, member) if what == "revoke" else None
        calls: dict[str, Callable[[Provider, str], object]] = {
            "ensure": lambda p, order: finish_order(p, order, p.ensure_cloud, cloud),
            "grant": lambda p, order: finish_order(
                p, order, p.grant, external_id, member, Role.VIEWER
            ),
            "access": lambda p, order: get_access(p, external_id, member, order, order),
            "revoke": lambda p, order: finish_order(p, order, p.revoke, external_id, member),
        }
        if what == "access":
            finish(direct, direct.grant, external_id, member, Role.EDITOR)
        order = new_order()
        with faulty_servers.losing_answers(world.port) as relay:
            for lost in itertools.count(1):
                relay.lose(lost)
                try:
                    calls[what](world.connect(relay.port), order)
                except Later:
                    assert relay.has_lost
                    relay.lose(0)
                    result = calls[what](world.connect(relay.port), order)
                else:
                    break
        assert lost > 1, "no answer was lost"
        assert count(direct, cloud) == 1
        if isinstance(result, Access):
            assert world.signs_in(result)
        assert old is None or not world.signs_in(old)

    def test_a_refused_connection_is_later(self, world: World) -> None:
        provider = world.connect(faulty_servers.closed_port())

        with pytest.raises(Later):
            provider.ensure_cloud(new_order(), new_cloud())

    def test_a_name_that_is_taken_needs_a_person(self, world: World, provider: Provider) -> None:
        cloud = new_cloud(f"Taken {new_order()}")
        world.occupy(cloud)

        with pytest.raises(NeedsPerson):
            create(provider, cloud)

        assert count(provider, cloud) == 0

    @pytest.mark.parametrize("name", ["Ё" * 300, "a\n\tb", "🦊/../%00<b>", " "])
    def test_a_cloud_may_have_any_name(self, provider: Provider, name: str) -> None:
        cloud = new_cloud(name)

        create(provider, cloud)

        assert count(provider, cloud) == 1

    def test_a_cloud_deleted_by_hand_is_gone_and_nothing_is_given_on_it(
        self, world: World, provider: Provider
    ) -> None:
        cloud, member = new_cloud(), new_member()
        external_id = create(provider, cloud)
        give_access(provider, external_id, member)

        world.delete_cloud(external_id)

        assert provider.find(external_id) is None
        with pytest.raises(NeedsPerson):
            finish(provider, provider.grant, external_id, new_member(), Role.EDITOR)
        for call in (provider.suspend, provider.close):
            assert isinstance(finish(provider, call, external_id), Done)
        assert isinstance(finish(provider, provider.revoke, external_id, member), Done)

    def test_a_member_deleted_by_hand_is_revoked_and_may_be_granted_again(
        self, world: World, provider: Provider
    ) -> None:
        member, external_id = new_member(), create(provider, new_cloud())
        old = give_access(provider, external_id, member)

        world.delete_member(external_id, member)

        assert isinstance(finish(provider, provider.revoke, external_id, member), Done)
        assert world.signs_in(give_access(provider, external_id, member))
        assert not world.signs_in(old)

    def test_a_foreign_cloud_is_listed_as_foreign_and_never_taken_for_ours(
        self, world: World, provider: Provider
    ) -> None:
        theirs = world.create_cloud(f"Foreign {new_order()}")
        ours = create(provider, new_cloud())

        found = {found.external_id: found for found in provider.everything()}

        assert not found[theirs].our_id
        assert found[ours].our_id
        assert (mine := provider.find(ours)) is not None
        assert mine.external_id == ours
        assert provider.find(new_order()) is None

    def test_granted_again_after_a_revoke_the_old_secret_stays_refused(
        self, world: World, provider: Provider
    ) -> None:
        member, external_id = new_member(), create(provider, new_cloud())
        old = give_access(provider, external_id, member)
        assert world.signs_in(old)

        finish(provider, provider.revoke, external_id, member)

        assert not world.signs_in(old)
        new = give_access(provider, external_id, member)
        assert world.signs_in(new)
        assert not world.signs_in(old)

    def test_revoked_while_suspended_the_secret_stays_refused_after_resume(
        self, world: World, provider: Provider
    ) -> None:
        member, other, external_id = new_member(), new_member(), create(provider, new_cloud())
        access = give_access(provider, external_id, member)
        kept = give_access(provider, external_id, other)
        finish(provider, provider.suspend, external_id)
        assert (found := provider.find(external_id)) is not None
        assert found.is_suspended

        finish(provider, provider.revoke, external_id, member)
        finish(provider, provider.resume, external_id)

        assert not world.signs_in(access)
        assert world.signs_in(kept)

    def test_withdrawing_one_access_leaves_the_others(
        self, world: World, provider: Provider
    ) -> None:
        member, external_id = new_member(), create(provider, new_cloud())
        kept = give_access(provider, external_id, member)
        withdrawn = get_access(provider, external_id, member, "to-withdraw")

        finish(provider, provider.withdraw, external_id, member, access_id="to-withdraw")

        assert not world.signs_in(withdrawn)
        assert world.signs_in(kept)

    def test_what_is_closed_lets_nobody_in(self, world: World, provider: Provider) -> None:
        member, external_id = new_member(), create(provider, new_cloud())
        access = give_access(provider, external_id, member)

        finish(provider, provider.close, external_id)

        assert not world.signs_in(access)

    @pytest.mark.parametrize("fault", faulty_servers.UNENDING)
    def test_a_server_that_does_not_end_is_left_at_the_limit(
        self, world: World, fault: faulty_servers.Fault
    ) -> None:
        """After its patience the server would answer well, and no error would be raised."""
        with faulty_servers.serve(fault) as port:
            provider = world.connect(port, tls=fault.is_tls, seconds=0.3)
            with pytest.raises(Later):
                provider.ensure_cloud(new_order(), new_cloud())

    @pytest.mark.parametrize("fault", faulty_servers.WRONG)
    def test_a_wrong_answer_is_never_taken_for_a_good_one(
        self, world: World, fault: faulty_servers.Fault
    ) -> None:
        with faulty_servers.serve(fault) as port, pytest.raises((Later, NeedsPerson, Never)):
            world.connect(port, tls=fault.is_tls).ensure_cloud(new_order(), new_cloud())

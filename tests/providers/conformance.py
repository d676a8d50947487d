"""The conformance suite: every kind of cloud passes the same tests.

A kind's module has a fixture `system` that gives a `System`, a real system of the kind and
connections to it, and an empty subclass of `Conformance` whose name begins with `Test`:

    @pytest.fixture(scope="module")
    def system() -> Iterator[System]: ...

    class TestWebhook(Conformance):
        pass

Tests share the system: each makes clouds and members of its own and leaves the others alone.
A test calls the provider as a worker does: `finish` asks for what is `Running` until it has ended.
What the system itself says is asked of the `System`, never of the provider.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from portal.providers.contract import (
    Access,
    Cloud,
    Done,
    Later,
    NeedsPerson,
    Never,
    Provider,
    Role,
    Running,
)
from tests.providers import faulty_servers
from tests.providers.system import (
    System,
    count,
    create,
    finish,
    finish_order,
    get_access,
    give_access,
    new_cloud,
    new_member,
    new_order,
)

Attempt = Callable[
    [System, Provider, str],
    tuple[Callable[[Provider, str], Done | Access], Callable[[Done | Access], bool]],
]
"""Prepares a call; returns it and whether its result is right."""


def ensure(system: System, provider: Provider, external_id: str) -> Any:
    cloud = new_cloud()
    return (
        lambda through, order: finish_order(through, order, through.ensure_cloud, cloud),
        lambda _: count(provider, cloud) == 1,
    )


def grant(system: System, provider: Provider, external_id: str) -> Any:
    who = external_id, new_member()
    return (
        lambda through, order: finish_order(through, order, through.grant, *who, Role.EDITOR),
        lambda _: system.signs_in(get_access(provider, *who)),
    )


def access(system: System, provider: Provider, external_id: str) -> Any:
    who = external_id, new_member()
    finish(provider, provider.grant, *who, Role.EDITOR)
    return lambda through, order: get_access(through, *who, order, order), system.signs_in


def revoke(system: System, provider: Provider, external_id: str) -> Any:
    who = external_id, new_member()
    old = give_access(provider, *who)
    return (
        lambda through, order: finish_order(through, order, through.revoke, *who),
        lambda _: not system.signs_in(old),
    )


ATTEMPTS = [ensure, grant, access, revoke]


class Conformance:
    @pytest.fixture
    def provider(self, system: System) -> Provider:
        return system.connect()

    def test_a_good_connection_passes_its_test(self, provider: Provider) -> None:
        assert provider.preflight().missing == ()

    def test_a_new_cloud_is_found_by_its_id_and_in_the_list(self, provider: Provider) -> None:
        cloud = new_cloud()

        external_id = create(provider, cloud)

        found = provider.find(external_id)
        assert found is not None
        assert (found.external_id, found.our_id) == (external_id, cloud.id)
        assert count(provider, cloud) == 1

    def test_a_new_cloud_is_empty_or_that_is_unknown(self, provider: Provider) -> None:
        assert provider.is_empty(create(provider, new_cloud())) in (True, None)

    def test_each_call_may_be_made_twice(self, system: System, provider: Provider) -> None:
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
        assert system.signs_in(access)
        twice(provider.suspend, external_id)
        assert not system.signs_in(access)
        twice(provider.resume, external_id)
        assert system.signs_in(access)
        twice(provider.withdraw, external_id, member, access_id=access_id)
        assert not system.signs_in(access)
        twice(provider.revoke, external_id, member)
        twice(provider.close, external_id)
        assert count(provider, cloud) == 1

    def test_two_workers_create_one_cloud(self, system: System) -> None:
        cloud, providers = new_cloud(), [system.connect(), system.connect()]

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

    @pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.__name__)
    def test_an_answer_that_is_lost_is_asked_for_again(
        self, system: System, provider: Provider, attempt: Attempt
    ) -> None:
        """The first answer of a call is lost, then the second of another one, and so on."""
        external_id = create(provider, new_cloud())
        with faulty_servers.losing_answers(system.port) as relay:
            through = system.connect(relay.port)
            for number in itertools.count(1):
                call, check = attempt(system, provider, external_id)
                order = new_order()
                relay.lose(number)
                with suppress(Later):
                    call(through, order)
                if not relay.has_lost:
                    break
                relay.lose(0)
                assert check(call(through, order))
        assert number > 1, "no answer was lost"

    def test_a_refused_connection_is_later(self, system: System) -> None:
        provider = system.connect(faulty_servers.closed_port())

        with pytest.raises(Later):
            provider.ensure_cloud(new_order(), new_cloud())

    def test_a_name_that_is_taken_needs_a_person(self, system: System, provider: Provider) -> None:
        cloud = new_cloud(f"Taken {new_order()}")
        system.occupy(cloud)

        with pytest.raises(NeedsPerson):
            create(provider, cloud)

        assert count(provider, cloud) == 0

    @pytest.mark.parametrize("name", ["Ё" * 300, "a\n\tb", "🦊/../%00<b>", " "])
    def test_a_cloud_may_have_any_name(self, provider: Provider, name: str) -> None:
        cloud = new_cloud(name)

        create(provider, cloud)

        assert count(provider, cloud) == 1

    def test_a_cloud_deleted_by_hand_is_gone_and_nothing_is_given_on_it(
        self, system: System, provider: Provider
    ) -> None:
        cloud, member = new_cloud(), new_member()
        external_id = create(provider, cloud)
        give_access(provider, external_id, member)

        system.delete_cloud(external_id)

        assert provider.find(external_id) is None
        with pytest.raises(NeedsPerson):
            finish(provider, provider.grant, external_id, new_member(), Role.EDITOR)
        for call in (provider.suspend, provider.close):
            assert isinstance(finish(provider, call, external_id), Done)
        assert isinstance(finish(provider, provider.revoke, external_id, member), Done)

    def test_a_member_deleted_by_hand_is_revoked_and_may_be_granted_again(
        self, system: System, provider: Provider
    ) -> None:
        member, external_id = new_member(), create(provider, new_cloud())
        old = give_access(provider, external_id, member)

        system.delete_member(external_id, member)

        assert isinstance(finish(provider, provider.revoke, external_id, member), Done)
        assert system.signs_in(give_access(provider, external_id, member))
        assert not system.signs_in(old)

    def test_a_foreign_cloud_is_listed_as_foreign_and_never_taken_for_ours(
        self, system: System, provider: Provider
    ) -> None:
        theirs = system.create_cloud(f"Foreign {new_order()}")
        ours = create(provider, new_cloud())

        found = {found.external_id: found for found in provider.everything()}

        assert not found[theirs].our_id
        assert found[ours].our_id
        assert (mine := provider.find(ours)) is not None
        assert mine.external_id == ours
        assert provider.find(new_order()) is None

    def test_a_foreign_cloud_is_adopted_and_then_is_no_other_cloud(
        self, system: System, provider: Provider
    ) -> None:
        theirs, cloud = system.create_cloud(f"Foreign {new_order()}"), new_cloud()

        finish(provider, provider.change_cloud, theirs, cloud)

        assert (found := provider.find(theirs)) is not None
        assert found.our_id == cloud.id
        assert count(provider, cloud) == 1
        with pytest.raises(NeedsPerson):
            finish(provider, provider.change_cloud, theirs, new_cloud())
        assert system.signs_in(give_access(provider, theirs, new_member()))

    @pytest.mark.parametrize("name", ["Web shop", "Ё" * 63])
    def test_a_cloud_has_the_name_that_it_gets_there(self, provider: Provider, name: str) -> None:
        cloud = new_cloud(name)
        external_id = create(provider, cloud)
        assert (found := provider.find(external_id)) is not None
        assert found.name == provider.name_there(cloud)

    def test_nobody_owns_a_foreign_cloud_by_an_unknown_identity(
        self, system: System, provider: Provider
    ) -> None:
        theirs = system.create_cloud(f"Foreign {new_order()}")
        for external_id in (theirs, new_order()):
            assert provider.role_of(external_id, ("idp", new_order())) is None

    def test_granted_again_after_a_revoke_the_old_secret_stays_refused(
        self, system: System, provider: Provider
    ) -> None:
        member, external_id = new_member(), create(provider, new_cloud())
        old = give_access(provider, external_id, member)
        assert system.signs_in(old)

        finish(provider, provider.revoke, external_id, member)

        assert not system.signs_in(old)
        new = give_access(provider, external_id, member)
        assert system.signs_in(new)
        assert not system.signs_in(old)

    def test_revoked_while_suspended_the_secret_stays_refused_after_resume(
        self, system: System, provider: Provider
    ) -> None:
        member, other, external_id = new_member(), new_member(), create(provider, new_cloud())
        access = give_access(provider, external_id, member)
        kept = give_access(provider, external_id, other)
        finish(provider, provider.suspend, external_id)
        assert (found := provider.find(external_id)) is not None
        assert found.is_suspended

        finish(provider, provider.revoke, external_id, member)
        finish(provider, provider.resume, external_id)

        assert not system.signs_in(access)
        assert system.signs_in(kept)

    def test_withdrawing_one_access_leaves_the_others(
        self, system: System, provider: Provider
    ) -> None:
        member, external_id = new_member(), create(provider, new_cloud())
        kept = give_access(provider, external_id, member)
        withdrawn = get_access(provider, external_id, member, "to-withdraw")

        finish(provider, provider.withdraw, external_id, member, access_id="to-withdraw")

        assert not system.signs_in(withdrawn)
        assert system.signs_in(kept)

    def test_what_is_closed_lets_nobody_in(self, system: System, provider: Provider) -> None:
        member, external_id = new_member(), create(provider, new_cloud())
        access = give_access(provider, external_id, member)

        finish(provider, provider.close, external_id)

        assert not system.signs_in(access)

    @pytest.mark.parametrize("fault", faulty_servers.UNENDING, ids=str)
    def test_a_server_that_does_not_end_is_left_at_the_limit(
        self, system: System, fault: faulty_servers.Fault
    ) -> None:
        """After its patience the server would answer well, and no error would be raised."""
        with faulty_servers.serve(fault) as port:
            provider = system.connect(port, tls=fault.is_tls, seconds=0.3)
            with pytest.raises(Later):
                provider.ensure_cloud(new_order(), new_cloud())

    @pytest.mark.parametrize("fault", faulty_servers.WRONG, ids=str)
    def test_a_wrong_answer_is_never_taken_for_a_good_one(
        self, system: System, fault: faulty_servers.Fault
    ) -> None:
        with faulty_servers.serve(fault) as port, pytest.raises((Later, NeedsPerson, Never)):
            system.connect(port, tls=fault.is_tls).ensure_cloud(new_order(), new_cloud())

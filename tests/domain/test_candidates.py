"""The clouds one may choose from: which, in which order, found by search, at which cost."""

from __future__ import annotations

import pytest
from sqlalchemy import event, text

from portal import db
from portal.domain import links
from portal.domain.access import CloudAccess, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.clouds import Cloud
from portal.domain.links import CandidateList, candidates
from tests.support.clouds import (
    accept_carls_invitation,
    create_cloud,
    grant,
    insert_clouds,
    move_cloud,
    own_account_id,
)
from tests.support.world import CARL, DORA, EDDIE, NINA, SAM, VERA, Clock, World, actor


def choices(to: str, by: str, *, search: str = "", shown: int = links.PAGE) -> CandidateList:
    def question() -> CandidateList:
        at = links.target_for(db.session.get_one(BillingAccount, to), actor(by))
        return links.list_candidates(at, search=search, limit=shown)

    return db.read(question)


def ready(found: CandidateList) -> list[str]:
    return [option.candidate.id for option in found.eligible]


def others(found: CandidateList) -> dict[str, str]:
    return {
        option.candidate.id: option.refusal.code for option in found.ineligible if option.refusal
    }


def test_clouds_that_can_be_linked_come_first_and_the_others_have_their_reasons(
    app: object, world: World, clock: Clock
) -> None:
    shop, lab, media = (create_cloud(NINA, name) for name in ("shop", "lab", "media"))
    grant(shop, by=NINA, to=world.north)
    grant(media, by=NINA, to=world.north, role=CloudRole.EDITOR)
    clock.forward(minutes=5)
    grant(lab, by=NINA, to=world.north)
    found = choices(world.ninas_subaccount, EDDIE)
    assert ready(found) == [shop]
    assert others(found) == {
        lab: "role-too-recent",
        media: "role-insufficient",
        world.ninas_cloud: "already-linked",
        world.carls_cloud: "not-this-customers",
    }
    assert found.next_eligible_at is not None
    assert not found.has_more
    assert not found.is_searchable


def test_only_clouds_with_a_direct_role_of_the_caller_or_their_partner_are_listed(
    app: object, world: World
) -> None:
    shop = create_cloud(NINA)
    move_cloud(shop, world.ninas_subaccount, by=NINA)
    seen_only_through_the_account = choices(world.ninas_subaccount, EDDIE)
    assert shop not in {*ready(seen_only_through_the_account)}
    assert shop not in others(seen_only_through_the_account)
    nothing = choices(world.direct, VERA)
    assert (ready(nothing), others(nothing)) == ([], {})


def test_a_role_that_is_still_to_come_lists_the_cloud(app: object, world: World) -> None:
    shop = create_cloud(NINA)
    grant(shop, by=NINA, to=world.north)
    found = choices(world.ninas_subaccount, EDDIE)
    assert others(found)[shop] == "role-too-recent"


def test_a_closed_cloud_is_not_listed(app: object, world: World) -> None:
    shop = create_cloud(DORA)

    def close() -> None:
        db.lock(Cloud, shop).closed_at = db.now()

    db.write(close)
    assert shop not in others(choices(world.direct, DORA))


def test_nobody_reads_the_name_of_a_payer_whose_account_is_not_theirs(
    app: object, world: World, clock: Clock
) -> None:
    shop = create_cloud(NINA)
    grant(shop, by=NINA, to=world.north)
    clock.forward(minutes=5)
    [theirs] = choices(world.ninas_subaccount, EDDIE).eligible
    assert (theirs.candidate.payer_id, theirs.candidate.payer_name) == (None, None)
    [mine] = choices(world.ninas_subaccount, NINA).eligible
    assert mine.candidate.payer_id == own_account_id(NINA)


@pytest.mark.parametrize(
    ("search", "hits"),
    [("SHOP", 1), ("Shóp", 1), ("%", 0), ("_", 0), ("shop lab", 0), ("\x00", 2), (" ", 2)],
)
def test_search_looks_through_names_in_any_case_and_whole_ids(
    app: object, world: World, search: str, hits: int
) -> None:
    create_cloud(DORA, "My Shop")
    found = choices(world.ninas_subaccount, DORA, search=search)
    assert len(found.ineligible) == hits
    by_id = choices(world.ninas_subaccount, DORA, search=world.doras_cloud.upper())
    assert list(others(by_id)) == [world.doras_cloud]


def test_more_than_fifty_are_shown_fifty_at_a_time(app: object, world: World) -> None:
    ids = insert_clouds(NINA, own_account_id(NINA), 120)
    first = choices(world.ninas_subaccount, NINA)
    assert ready(first) == ids[:-51:-1]
    assert (first.has_more, first.is_searchable) == (True, True)
    more = choices(world.ninas_subaccount, NINA, shown=100)
    assert ready(more) == ids[:-101:-1]
    everything = choices(world.ninas_subaccount, NINA, shown=150)
    assert (len(everything.eligible), everything.has_more) == (120, False)


def test_older_ones_than_are_looked_at_are_found_by_search(app: object, world: World) -> None:
    oldest = insert_clouds(NINA, own_account_id(NINA), links.WINDOW + 30)[0]
    found = choices(world.ninas_subaccount, NINA, shown=10 * links.WINDOW)
    assert (len(found.eligible) + len(found.ineligible), found.has_more) == (links.WINDOW, True)
    assert oldest not in ready(found)
    assert ready(choices(world.ninas_subaccount, NINA, search=f"cloud-{oldest[-5:]}")) == [oldest]


def test_a_partner_with_thousands_of_customers_finds_this_customers_cloud_on_top(
    app: object, world: World, clock: Clock
) -> None:
    accept_carls_invitation()
    shop = create_cloud(CARL)
    grant(shop, by=CARL, to=world.north)
    clock.forward(minutes=5)
    newer = insert_clouds(SAM, world.south, links.WINDOW + 20)

    def unit() -> None:
        for ident in newer:
            db.session.add(cloud_role(f"b1h{ident[3:]}", ident, world.north))

    db.write(unit)
    found = choices(world.carls_subaccount, EDDIE)
    assert ready(found) == [shop]
    assert others(found).pop(world.carls_cloud) == "already-linked"
    assert set(others(found).values()) == {"not-this-customers", "already-linked"}
    assert found.has_more


def cloud_role(ident: str, cloud_id: str, partner_id: str) -> CloudAccess:
    row = CloudAccess(id=ident, cloud_id=cloud_id, partner_id=partner_id, role=CloudRole.OWNER)
    row.granted_at = row.effective_at = db.now()
    row.granted_by = "command"
    return row


def cost(to: str, by: str, *, search: str = "") -> tuple[int, int]:
    """How many statements are sent, and how much the database does for them: steps of SQLite's
    machine, rows that PostgreSQL reads."""
    statements, steps = 0, 0
    engine = db.extension.engine

    def sent(*_: object) -> None:
        nonlocal statements
        statements += 1

    def tick() -> int:
        nonlocal steps
        steps += 1
        return 0

    def question() -> int:
        connection = db.session.connection()
        raw = connection.connection.driver_connection
        is_sqlite = engine.dialect.name == "sqlite"
        if is_sqlite:
            raw.set_progress_handler(tick, 10)  # type: ignore[union-attr]
        else:  # or the planner reads tables of this size whole, which on a disk is cheaper
            db.session.execute(text("SET LOCAL random_page_cost = 1"))
            before = db.session.execute(text(ROWS_READ)).scalar_one()
        event.listen(engine, "after_cursor_execute", sent)
        try:
            at = links.target_for(db.session.get_one(BillingAccount, to), actor(by))
            links.list_candidates(at, search=search)
        finally:
            event.remove(engine, "after_cursor_execute", sent)
            if is_sqlite:
                raw.set_progress_handler(None, 0)  # type: ignore[union-attr]
        return steps if is_sqlite else db.session.execute(text(ROWS_READ)).scalar_one() - before

    work = db.read(question)
    return statements, work


ROWS_READ = "SELECT sum(seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_xact_user_tables"


def analyse() -> None:
    db.write(lambda: db.session.execute(text("ANALYZE")))


def test_somebody_with_many_clouds_costs_as_many_questions_and_rows_as_with_few(
    app: object, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a small window, so that the tables are large beside it, as they are in life."""
    monkeypatch.setattr(candidates, "WINDOW", 20)
    insert_clouds(DORA, world.direct, 20, start=90_000)
    insert_clouds(NINA, own_account_id(NINA), 2_000)
    analyse()
    few, many = cost(world.ninas_subaccount, DORA), cost(world.ninas_subaccount, NINA)
    insert_clouds(NINA, own_account_id(NINA), 2_000, start=10_000)
    analyse()
    more = cost(world.ninas_subaccount, NINA)
    assert few[0] == many[0] == more[0] > 0
    assert more[1] < 1.2 * many[1]

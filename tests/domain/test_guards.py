"""Illegal states can't be made, not even by raw SQL, and the legal ones beside them can."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from portal import db
from portal.domain import mail_deliveries
from portal.domain.customers import Status
from portal.domain.mail_deliveries import DeliveryState
from tests.support.world import World, all_rows

pytestmark = pytest.mark.both_databases

MOVES = {
    Status.WAITING: {Status.ACTIVE, Status.INACTIVE},
    Status.ACTIVE: {Status.SUSPENDED, Status.INACTIVE},
    Status.SUSPENDED: {Status.ACTIVE, Status.INACTIVE},
    Status.INACTIVE: set(),
}
"""The states of a customer and where each leads, as the design has them."""

LINK = "INSERT INTO links (id, linked_by, cloud_id, account_id, since_at, continues_at, until_at)"
NEXT_LINK = f"{LINK} SELECT 'lnk', 'sql', :doras_cloud, :direct"
END_LINK = (
    "UPDATE links SET until_at = '2026-04-01 00:00:00.000000'"
    " WHERE cloud_id = :doras_cloud AND until_at IS NULL"
)
FOLDER = "INSERT INTO folders (id, cloud_id, name, is_default, created_at) SELECT"
MAIL = (
    "INSERT INTO mail_deliveries (id, about, kind, is_once, recipient, language, facts, message_id,"
    " state, attempts, created_at) SELECT 'out', about, kind, {is_once}, recipient, language,"
    " facts, message_id, 'pending', 0, created_at FROM mail_deliveries"
    " WHERE kind = 'invitation' AND about = :carls_subaccount"
)
LINE = (
    "INTO audit_lines (chain, seq, at, actor, action, thing, facts, previous, hash)"
    " SELECT chain, seq, at, 'somebody', action, thing, facts, previous, hash FROM audit_lines"
    " WHERE chain = :north AND seq = 1"
)
ROLE = (
    "INSERT INTO cloud_access (id, cloud_id, user_id, partner_id, role, granted_at, effective_at,"
    " granted_by) SELECT 'acc', cloud_id, {user}, {partner}, '{role}', granted_at,"
    " effective_at, 'sql' FROM cloud_access WHERE cloud_id = :doras_cloud"
)
LOT = (
    "INSERT INTO lots (id, account_id, is_initial, amount, used, first_on, last_on, granted_at,"
    " granted_by, reason) SELECT 'lot', account_id, {is_initial}, amount, used, first_on, last_on,"
    " granted_at, granted_by, reason FROM lots WHERE account_id = :direct"
)
POSTING = (
    "INSERT INTO postings (id, kind, subject, reason, created_by, created_at, posted_at) SELECT"
    " 'pst', 'credit', 'x', '', 'sql', created_at, {at} FROM billing_accounts WHERE id = :direct"
)
POSTED, STAGED = POSTING.format(at="created_at"), POSTING.format(at="NULL")
ENTRY = (
    "INSERT INTO entries (account_id, seq, posting_id, bearer, amount, balance, at) SELECT"
    " id, 1, 'pst', 'personal', 1, 1, created_at FROM billing_accounts WHERE id = :direct"
)
DRAW = (
    "INSERT INTO draws (posting_id, account_id, usage_on, is_purchase, is_waivable, bearer, micros)"
    " VALUES ('pst', :direct, '2026-03-02', FALSE, FALSE, 'personal', 1)"
)
CHARGE = (
    "INSERT INTO charges (posting_id, number, source_id, scope_on, account_id, payer_id, cloud_id,"
    " service, category, usage_on, month_on, is_purchase, is_waivable, micros, rest) VALUES ('pst',"
    " 0, 'src', '2026-03-01', :direct, :direct, :doras_cloud, '', 'Usage', '2026-03-02',"
    " '2026-03-01', FALSE, FALSE, 1, 0)"
)

ONCE = "WHERE kind = 'invitation' AND about = :carls_subaccount"
SENT = f"UPDATE mail_deliveries SET state = 'unknown' {ONCE}"

ILLEGAL: dict[str, tuple[str, ...]] = {
    "a parked mail queued again": (SENT, f"UPDATE mail_deliveries SET state = 'pending' {ONCE}"),
    "a mail that may leave more than once": (f"UPDATE mail_deliveries SET is_once = FALSE {ONCE}",),
    "a once-only mail taken away": (f"DELETE FROM mail_deliveries {ONCE}",),
    "an open invitation for another address": (
        "UPDATE invitations SET email_key = 'sql@x.example'"
        " WHERE subaccount_id = :carls_subaccount",
    ),
    "an answer by somebody else": (
        "UPDATE invitations SET answered_by = 'sql' WHERE subaccount_id = :ninas_subaccount",
    ),
    "an invitation taken away": (
        "DELETE FROM invitations WHERE subaccount_id = :carls_subaccount",
    ),
    "a closed account opened again": (
        "UPDATE billing_accounts SET closed_at = created_at WHERE id = :direct",
        "UPDATE billing_accounts SET closed_at = NULL WHERE id = :direct",
    ),
    "a lot of another amount": ("UPDATE lots SET amount = amount + 1",),
    "a lot of another day": ("UPDATE lots SET last_on = '2030-01-01'",),
    "a lot taken away": ("DELETE FROM lots WHERE account_id = :direct",),
    "a posting changed": (POSTED, "UPDATE postings SET posted_at = NULL"),
    "a posting taken away": (POSTED, "DELETE FROM postings"),
    "an entry changed": (POSTED, ENTRY, "UPDATE entries SET amount = 2"),
    "an entry taken away": (POSTED, ENTRY, "DELETE FROM entries"),
    "a draw changed": (POSTED, DRAW, "UPDATE draws SET micros = 2"),
    "a draw taken away": (POSTED, DRAW, "DELETE FROM draws"),
    "a charge changed": (POSTED, CHARGE, "UPDATE charges SET micros = 2"),
    "a staged charge changed": (STAGED, CHARGE, "UPDATE charges SET micros = 2"),
    "a charge taken away": (POSTED, CHARGE, "DELETE FROM charges"),
    "two live customers of one partner with one address": (
        "UPDATE customers SET email_key = 'one@client.example' WHERE partner_id = :north",
    ),
    "two live customers of one partner with one reference": (
        "UPDATE customers SET reference = 'K-1' WHERE partner_id = :north",
    ),
    "a customer taken away": ("DELETE FROM customers WHERE id = :carls_customer",),
    "a customer of another partner than its subaccount": (
        "UPDATE customers SET partner_id = :south WHERE id = :carls_customer",
    ),
    "two customers with one subaccount": (
        "UPDATE customers SET subaccount_id = :carls_subaccount WHERE id = :ninas_customer",
    ),
    "two customers with one default cloud": (
        "UPDATE customers SET default_cloud_id = :carls_cloud WHERE id = :ninas_customer",
    ),
    "a customer in a state that does not exist": (
        "UPDATE customers SET status = 'Happy' WHERE id = :carls_customer",
    ),
    "two default folders": (
        f"{FOLDER} 'b1g', :doras_cloud, 'second', TRUE, created_at FROM folders"
        " WHERE id = :doras_folder",
    ),
    "two folders of one cloud with one name": (
        f"{FOLDER} 'b1g', :doras_cloud, 'default', FALSE, created_at FROM folders"
        " WHERE id = :doras_folder",
    ),
    "a second open link": (f"{NEXT_LINK}, '2026-04-01 00:00:00.000000', NULL, NULL",),
    "a link after a gap": (
        END_LINK,
        f"{NEXT_LINK}, '2026-05-01 00:00:00.000000', '2026-05-01 00:00:00.000000', NULL",
    ),
    "a link that continues another instant than its own": (
        END_LINK,
        f"{NEXT_LINK}, '2026-05-01 00:00:00.000000', '2026-04-01 00:00:00.000000', NULL",
    ),
    "a link that overlaps": (
        END_LINK,
        f"{NEXT_LINK}, '2026-03-20 00:00:00.000000', '2026-03-20 00:00:00.000000', NULL",
    ),
    "a second first link": (END_LINK, f"{NEXT_LINK}, '2026-04-01 00:00:00.000000', NULL, NULL"),
    "a link that ends before it begins": (
        "UPDATE links SET until_at = '2020-01-01 00:00:00.000000' WHERE cloud_id = :doras_cloud",
    ),
    "a link moved to another account": (
        "UPDATE links SET account_id = :north WHERE cloud_id = :doras_cloud",
    ),
    "a link that began earlier": (
        "UPDATE links SET since_at = '2020-01-01 00:00:00.000000' WHERE cloud_id = :doras_cloud",
    ),
    "a link that ended and goes on": (
        END_LINK,
        "UPDATE links SET until_at = NULL WHERE cloud_id = :doras_cloud",
    ),
    "a link taken away": ("DELETE FROM links WHERE cloud_id = :doras_cloud",),
    "an audit line changed": (
        "UPDATE audit_lines SET actor = 'somebody' WHERE chain = :north AND seq = 1",
    ),
    "an audit line taken away": ("DELETE FROM audit_lines WHERE chain = :north AND seq = 1",),
    "an audit line written over": (
        f"INSERT {LINE} ON CONFLICT (chain, seq) DO UPDATE SET actor = 'somebody'",
    ),
    "paid back to trial": ("UPDATE billing_accounts SET mode = 'trial' WHERE id = :north",),
    "a subaccount in trial": (
        "UPDATE billing_accounts SET mode = 'trial' WHERE id = :carls_subaccount",
    ),
    "a subaccount of another partner": (
        "UPDATE billing_accounts SET parent_id = :south WHERE id = :carls_subaccount",
    ),
    "a subaccount let go": (
        "UPDATE billing_accounts SET kind = 'direct', parent_id = NULL, confirmed_at = NULL"
        " WHERE id = :carls_subaccount",
    ),
    "a direct account made a subaccount": (
        "UPDATE billing_accounts SET kind = 'subaccount', mode = 'paid', parent_id = :north"
        " WHERE id = :direct",
    ),
    "a subaccount without a parent": (
        "UPDATE billing_accounts SET parent_id = NULL WHERE id = :carls_subaccount",
    ),
    "a direct account with a parent": (
        "UPDATE billing_accounts SET parent_id = :north WHERE id = :direct",
    ),
    "a suspended direct account": (
        "UPDATE billing_accounts SET suspended_at = created_at WHERE id = :direct",
    ),
    "an invitation answered twice": (
        "UPDATE invitations SET answer = 'declined' WHERE subaccount_id = :ninas_subaccount",
    ),
    "an answer taken back": (
        "UPDATE invitations SET answer = NULL, answered_at = NULL, answered_by = NULL"
        " WHERE subaccount_id = :ninas_subaccount",
    ),
    "an answer of nobody": (
        "UPDATE invitations SET answer = 'confirmed', answered_at = created_at"
        " WHERE subaccount_id = :carls_subaccount",
    ),
    "an answer without its instant": (
        "UPDATE invitations SET answer = 'confirmed', answered_by = 'sql'"
        " WHERE subaccount_id = :carls_subaccount",
    ),
    "an invitation of another partner": (
        "UPDATE invitations SET partner_id = :south WHERE subaccount_id = :carls_subaccount",
    ),
    "a second invitation of one customer": (
        "INSERT INTO invitations (subaccount_id, partner_id, email, email_key, created_at)"
        " SELECT subaccount_id, partner_id, email, email_key, created_at FROM invitations",
    ),
    "a second mail for one invitation": (MAIL.format(is_once="TRUE"),),
    "a lot below zero": ("UPDATE lots SET used = amount + 1 WHERE account_id = :direct",),
    "a lot with more left than was given": (
        "UPDATE lots SET used = -1 WHERE account_id = :direct",
    ),
    "a second initial grant for one account": (LOT.format(is_initial="TRUE"),),
    "the same role twice": (
        ROLE.format(user="user_id", partner="NULL", role="resource-manager.clouds.owner"),
    ),
    "a role of nobody": (ROLE.format(user="NULL", partner="NULL", role="viewer"),),
    "a role of two": (ROLE.format(user="user_id", partner=":north", role="viewer"),),
    "a role nobody knows": (ROLE.format(user="user_id", partner="NULL", role="emperor"),),
    "a role that ended before it was given": (
        "UPDATE account_access SET revoked_at = '2020-01-01 00:00:00.000000'"
        " WHERE account_id = :north",
    ),
    "two people with one address": ("UPDATE users SET email_key = 'one@client.example'",),
}

LEGAL: dict[str, tuple[str, ...]] = {
    "an address shared with an inactive customer": (
        "UPDATE customers SET status = 'Inactive' WHERE id = :carls_customer",
        "UPDATE customers SET email_key = 'one@client.example', reference = 'K-1'"
        " WHERE partner_id = :north",
    ),
    "a second folder": (
        f"{FOLDER} 'b1g', :doras_cloud, 'second', FALSE, created_at FROM folders"
        " WHERE id = :doras_folder",
    ),
    "a link that continues at once": (
        END_LINK,
        f"{NEXT_LINK}, '2026-04-01 00:00:00.000000', '2026-04-01 00:00:00.000000', NULL",
    ),
    "a mail that may repeat": (MAIL.format(is_once="FALSE"),),
    "an audit line behind the last one": (
        f"INSERT {LINE}".replace("chain, seq, at, 'somebody'", "chain, 1000, at, 'somebody'"),
    ),
    "trial to paid": ("UPDATE billing_accounts SET mode = 'paid' WHERE id = :direct",),
    "a suspended subaccount": (
        "UPDATE billing_accounts SET suspended_at = created_at WHERE id = :carls_subaccount",
    ),
    "an answer": (
        "UPDATE invitations SET answer = 'confirmed', answered_at = created_at,"
        " answered_by = 'sql' WHERE subaccount_id = :carls_subaccount",
    ),
    "a spent grant": ("UPDATE lots SET used = amount WHERE account_id = :direct",),
    "a further lot": (LOT.format(is_initial="FALSE"),),
    "a staged charge taken away": (STAGED, CHARGE, "DELETE FROM charges"),
    "a role of a user": (ROLE.format(user="user_id", partner="NULL", role="viewer"),),
    "a role of a partner account": (ROLE.format(user="NULL", partner=":north", role="viewer"),),
}


def run(world: World, *statements: str) -> None:
    def unit() -> None:
        for statement in statements:
            db.session.execute(text(statement), vars(world))

    db.write(unit)


@pytest.mark.parametrize("what", ILLEGAL)
def test_raw_sql_cannot_make(app: object, world: World, what: str) -> None:
    *before, illegal = ILLEGAL[what]
    run(world, *before)
    untouched = all_rows()
    with pytest.raises(IntegrityError):
        run(world, illegal)
    assert all_rows() == untouched


@pytest.mark.parametrize("what", LEGAL)
def test_raw_sql_can_make(app: object, world: World, what: str) -> None:
    before = all_rows()
    run(world, *LEGAL[what])
    assert all_rows() != before


@pytest.mark.parametrize("start", Status)
def test_a_customers_state_moves_only_along_the_table(
    app: object, world: World, start: Status
) -> None:
    def move(to: Status) -> str:
        return f"UPDATE customers SET status = '{to}' WHERE id = :carls_customer"

    if start is not Status.WAITING:
        run(world, move(Status.INACTIVE if start is Status.INACTIVE else Status.ACTIVE))
    if start is Status.SUSPENDED:
        run(world, move(start))
    assert {to for to in set(Status) - {start} if is_possible(world, move(to))} == MOVES[start]


OPEN = {str(state) for state in mail_deliveries.OPEN_STATES}
LOST = {str(state) for state in mail_deliveries.NOT_DELIVERED}


@pytest.mark.parametrize("start", DeliveryState)
def test_a_mail_that_is_sent_once_leaves_no_final_state_but_unknown(
    app: object, world: World, start: DeliveryState
) -> None:
    run(world, f"UPDATE mail_deliveries SET state = '{start}' {ONCE}")
    moves = {
        str(to)
        for to in set(DeliveryState) - {start}
        if is_possible(world, f"UPDATE mail_deliveries SET state = '{to}' {ONCE}")
    }
    if start is DeliveryState.UNKNOWN:
        assert moves == {"arrived", "not_arrived"}
    else:
        assert moves == ({*DeliveryState} - {start} if start in OPEN else set())
    assert is_possible(world, MAIL.format(is_once="TRUE")) == (start in LOST)


def is_possible(world: World, statement: str) -> bool:
    """Whether the database takes it; it is undone."""

    class Undone(Exception):
        pass

    def unit() -> None:
        db.session.execute(text(statement), vars(world))
        raise Undone

    try:
        db.write(unit)
    except IntegrityError:
        return False
    except Undone:
        return True
    raise AssertionError("unreachable")


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("table", ["audit_lines", "customers", "links"])
def test_writing_over_a_row_is_taking_it_away(app: object, world: World, table: str) -> None:
    """SQLite's INSERT OR REPLACE deletes silently, unless recursive triggers are on."""
    before = all_rows()
    with pytest.raises(IntegrityError, match=r"only grows|kept for history"):
        run(world, f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    assert all_rows() == before

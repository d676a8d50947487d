"""*Billing*: an account's page, and *Switch to paid*: owner, asked first, one way."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial

import pytest
from sqlalchemy import update

from portal import db
from portal.domain import access, accounts, reports
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount, Mode
from portal.domain.actors import COMMAND
from portal.domain.ledger import Lot
from tests.support.answers import csrf_token, definition_list, links, notices, stored_rows
from tests.support.browser import Browser
from tests.support.clouds import create_cloud
from tests.support.money import owe, row
from tests.support.usage import deliver
from tests.support.world import (
    ACE,
    AMIR,
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    TINA,
    VERA,
    Clock,
    World,
    actor,
    user,
)

Open = Callable[..., Browser]


def mode_of(account_id: str) -> Mode:
    def read() -> Mode:
        found = db.session.get(BillingAccount, account_id)
        assert found is not None
        return found.mode

    return db.read(read)


def let_in(email: str, account_id: str, role: AccountRole) -> None:
    def unit() -> None:
        account = db.lock(BillingAccount, account_id)
        access.assign_account_role(role, to=user(email).id, account=account, by=COMMAND)

    db.write(unit)


def test_an_account_in_trial_shows_what_is_left_until_when(browser: Open, world: World) -> None:
    client = browser(TINA)
    client.get("/console/billing")
    client.click("Trial Partner")
    assert definition_list(client) == {
        "ID": world.trial,
        "Kind": "partner",
        "Consumption mode": "trial",
        "Created": "2 Mar 2026, 09:00:00 UTC",
        "Initial grant": "€4,000.00 left of €4,000.00, until 1 May 2026",
        "Balance": "€0.00",
    }
    assert "TRIAL_ACTIVE" in client.text
    assert "Switching to paid is free and possible at any time." in client.text
    assert "What is left of it remains after switching to paid." in client.text
    assert "not debited for usage until the grant is spent, or ends on 1 May 2026" in client.text
    assert "Grants do not pay for taxes and purchases." in client.text
    assert "No cloud is linked to this account itself; those of customers" in client.text
    assert "for no cloud" not in client.text


def test_an_owner_switches_to_paid_after_being_asked(browser: Open, world: World) -> None:
    client = browser(TINA)
    client.get(f"/console/billing/{world.trial}")
    client.click("Switch to paid")
    assert "Switch Trial Partner to paid?" in client.text
    for words in (
        "The switch itself is free.",
        "It is one way: the account cannot go back to trial.",
        "What is left of the initial grant, €4,000.00, remains and pays first",
        "or ends on 1 May 2026",
        "Today, 2 Mar 2026, is still a day of the trial",
        "You can then add customers in the partner portal.",
    ):
        assert words in client.text
    assert links(client)["Cancel"] == f"/console/billing/{world.trial}"
    assert mode_of(world.trial) is Mode.TRIAL
    client.submit("Switch to paid")
    assert notices(client, "success") == ["The account is in paid mode now."]
    assert definition_list(client)["Consumption mode"] == "paid"
    assert (
        definition_list(client)["Initial grant"] == "€4,000.00 left of €4,000.00, until 1 May 2026"
    )
    assert "The initial grant pays first." in client.text
    assert "Switch to paid" not in links(client)
    assert mode_of(world.trial) is Mode.PAID
    client.get(f"/partner/{world.trial}/customers")
    client.click("Add customer")
    assert "New customer" in client.text


def test_it_is_one_way_and_happens_once(browser: Open, world: World) -> None:
    client, tab = browser(TINA), browser(TINA)
    switch = f"/console/billing/{world.trial}/switch-to-paid"
    tab.get(switch)
    client.get(switch)
    client.submit("Switch to paid")
    assert client.url.endswith(f"/console/billing/{world.trial}")
    before = stored_rows()
    assert tab.submit("Switch to paid").status_code == 422
    assert "This account is in paid mode already." in tab.text
    tab.get(switch)
    assert "This account is in paid mode already." in tab.text
    assert "Switch to paid" not in {"".join(b.itertext()) for b in tab.page.iter("button")}
    assert stored_rows() == before


@pytest.mark.parametrize(
    ("email", "role"),
    [
        (AMIR, AccountRole.ADMIN),
        (EDDIE, AccountRole.EDITOR),
        (ACE, AccountRole.ACCOUNTANT),
        (VERA, AccountRole.VIEWER),
    ],
)
def test_nobody_but_an_owner_switches(
    browser: Open, world: World, email: str, role: AccountRole
) -> None:
    let_in(email, world.trial, role)
    client = browser(email)
    client.get(f"/console/billing/{world.trial}")
    assert "Only an owner of the account can switch it to paid" in client.text
    assert "Switch to paid" not in links(client)
    data = {"csrf_token": csrf_token(client)}
    before = stored_rows()
    for method in ("GET", "POST"):
        path = f"/console/billing/{world.trial}/switch-to-paid"
        assert client.open(path, method=method, data=data).status_code == 403
        assert "Your role does not allow this" in client.text
    assert stored_rows() == before


def test_a_stale_token_switches_nothing_and_asks_again(browser: Open, world: World) -> None:
    client = browser(TINA)
    before = stored_rows()
    path = f"/console/billing/{world.trial}/switch-to-paid"
    assert client.post(path, data={"csrf_token": "stale"}).status_code == 422
    assert "press the button again" in notices(client)[0]
    assert stored_rows() == before
    client.submit("Switch to paid")
    assert mode_of(world.trial) is Mode.PAID


def test_after_its_date_the_grant_is_over_and_so_is_the_trial(
    browser: Open, world: World, clock: Clock
) -> None:
    clock.forward(days=61)
    client = browser(DORA)
    client.get(f"/console/billing/{world.direct}")
    assert "TRIAL_EXPIRED" in client.text
    assert definition_list(client)["Initial grant"] == "€4,000.00, over since 2 May 2026"
    assert "The trial is over" in client.text
    assert "Create cloud" not in links(client)
    client.click("Switch to paid")
    assert "Nothing is left of the initial grant" in client.text
    client.submit("Switch to paid")
    assert "ACTIVE" in client.text
    assert "TRIAL" not in client.text
    assert links(client)["Create cloud"] == f"/console/clouds/create?account={world.direct}"


def test_a_negative_balance_is_said_before_a_cloud_is_refused(browser: Open, world: World) -> None:
    client = browser(DORA)
    client.get(f"/console/billing/{world.direct}")
    assert "Create cloud" in links(client)
    owe(world.direct)
    client.get(f"/console/billing/{world.direct}")
    assert notices(client, "warn")[0].startswith("The balance is negative. This account owes money")
    assert "Create cloud" not in links(client)
    client.get("/console/clouds/create")
    assert "its balance is negative" in client.text
    owe(world.north)
    viewer = browser(VERA)
    viewer.get(f"/console/billing/{world.north}")
    assert notices(viewer, "warn") == []


def test_a_spent_grant_says_so(browser: Open, world: World) -> None:
    spent = update(Lot).where(Lot.account_id == world.direct)
    db.write(lambda: db.session.execute(spent.values(used=Decimal(4000))))
    client = browser(DORA)
    client.get(f"/console/billing/{world.direct}")
    assert "€4,000.00, spent; it was given until 1 May 2026" in client.text
    assert "TRIAL_EXPIRED" in client.text


@pytest.mark.parametrize(
    "settings", [{"TIME_ZONE": "America/New_York", "CURRENCY": "USD"}], ids=["elsewhere"]
)
def test_times_and_amounts_are_the_installations(browser: Open, world: World) -> None:
    client = browser(TINA)
    client.get(f"/console/billing/{world.trial}")
    assert definition_list(client)["Created"] == "2 Mar 2026, 04:00:00 EST"
    assert definition_list(client)["Initial grant"].startswith("$4,000.00 left")
    titles = {e.get("title") for e in client.page.iter("time")}
    assert "2026-03-02 09:00:00 UTC" in titles


@pytest.mark.parametrize(("who", "name"), [(OLGA, "Carl & Sons"), (VERA, "Carl & Sons")])
def test_a_subaccount_says_whose_it_is(browser: Open, world: World, who: str, name: str) -> None:
    client = browser(who)
    client.get("/console/billing")
    client.click(name)
    assert (
        definition_list(client).items()
        >= {
            "Kind": "subaccount",
            "Partner": "North",
            "Consumption mode": "paid",
        }.items()
    )
    assert "The customer has not confirmed the partnership yet" in client.text
    assert "Create cloud" not in links(client)
    assert "Initial grant" not in definition_list(client)
    assert world.carls_cloud in client.text


def test_the_invited_sees_the_subaccount_only_after_confirming(browser: Open, world: World) -> None:
    client = browser(CARL)
    page = f"/console/billing/{world.carls_subaccount}"
    assert client.get(page).status_code == 404
    client.get(f"/invite/accept/{world.carls_subaccount}")
    client.submit("Confirm")
    assert client.get(page).status_code == 200
    assert "Its balance is always zero" in client.text
    assert "Create cloud" in links(client)
    assert browser(NINA).get(page).status_code == 404
    assert browser(NINA).get(f"/console/billing/{world.north}").status_code == 404


def test_ones_own_account_stands_before_the_customers_however_many(
    browser: Open, world: World
) -> None:
    client = browser(OLGA)
    client.get("/console/billing")
    [first, second, third] = [link for link in links(client).values() if "/billing/dn2" in link]
    assert first.endswith(world.north)
    assert {second[-20:], third[-20:]} == {world.carls_subaccount, world.ninas_subaccount}


def test_billing_pages_through_own_accounts_and_then_subaccounts(
    app: object, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "PAGE", 1)
    seen, olga = [""], actor(OLGA)
    for _page in range(3):
        seen.append(db.read(partial(accounts.accounts_for, olga, after=seen[-1]))[0].id)
    seen = seen[1:]
    assert seen[0] == world.north
    assert sorted(seen[1:]) == sorted([world.carls_subaccount, world.ninas_subaccount])
    assert seen[1] > seen[2]


def test_owners_and_accountants_see_balance_grants_and_entries_others_do_not(
    browser: Open, world: World
) -> None:
    deliver(row("4000.5", world.ninas_cloud))
    for email in (OLGA, ACE):
        client = browser(email)
        client.get(f"/console/billing/{world.north}")
        assert definition_list(client)["Balance"] == "-€0.50"
        assert "grant until 1 May 2026" in client.text
        assert "€4,000.00 used of €4,000.00 €0.00 left" in client.text
        assert "It paid for Amount default (Nina GmbH) €4,000.00" in client.text
        assert "-€4,000.00" in client.text
    assert "Usage 2 Mar 2026 · personal account" in client.text
    for before in ("99999999999999999999", "-99999999999999999999", "soon"):
        assert client.get(f"/console/billing/{world.north}?before={before}").status_code == 200
    for email in (EDDIE, VERA):
        client = browser(email)
        client.get(f"/console/billing/{world.north}")
        assert not {"Balance", "Initial grant"} & set(definition_list(client))
        assert "4,000" not in client.text
    client = browser(OLGA)
    client.get(f"/console/billing/{world.ninas_subaccount}")
    assert "Balance" not in definition_list(client)


def test_amounts_are_read_with_two_decimals_and_exact_on_hover(browser: Open, world: World) -> None:
    deliver(row("45.766194", world.doras_cloud))
    client = browser(DORA)
    client.get(f"/console/billing/{world.direct}")
    assert "€45.77 used of €4,000.00 €3,954.23 left" in client.text
    assert "€45.766194" not in client.text
    assert "€45.766194" in {each.get("title") for each in client.page.iter("span")}


def test_an_account_with_many_clouds_has_pages_of_them(
    browser: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports.payers, "PAGE", 1)
    clouds = sorted([world.doras_cloud, create_cloud(DORA, payer=world.direct)])
    dora = browser(DORA)
    dora.get(f"/console/billing/{world.direct}")
    assert (clouds[0] in dora.text, clouds[1] in dora.text) == (True, False)
    dora.click("Next")
    assert (clouds[0] in dora.text, clouds[1] in dora.text) == (False, True)
    rows = dora.get(f"/console/billing/{world.direct}/usage/payers").text.splitlines()
    assert [cloud in row for cloud, row in zip(clouds, rows[1:], strict=True)] == [True, True]

"""*Budget* of a customer and of an account: set, shown with its state, removed; who sees it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from portal import db
from portal.domain import prices
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.worker import budgets
from tests.support.answers import errors
from tests.support.browser import Browser
from tests.support.jobs import run_mails
from tests.support.mails import mails_to, plain_text
from tests.support.money import row
from tests.support.page import text_of
from tests.support.prices import apply_rate
from tests.support.usage import deliver
from tests.support.world import ACE, DORA, EDDIE, NINA, OLGA, VERA, Clock, World

Open = Callable[..., Browser]
AMOUNT = "431.70"


@pytest.fixture
def march(clock: Clock) -> Clock:
    clock.now = datetime(2026, 3, 11, 12, tzinfo=UTC)
    return clock


def usage_page(world: World) -> str:
    return f"/partner/{world.north}/customers/{world.ninas_customer}/usage"


def main_text(client: Browser) -> str:
    return " ".join(" ".join(text_of(element) for element in client.page.iter("main")).split())


def watch() -> None:
    while budgets.watch():
        pass


def test_an_owner_sets_a_customers_budget_with_steps_which_the_customer_never_sees(
    browser: Open, world: World, march: Clock
) -> None:
    apply_rate(world.north, "0")
    db.write(lambda: prices.publish(db.session.get_one(BillingAccount, world.north), by=COMMAND))
    olga, nina = browser(OLGA), browser(NINA)
    olga.get(usage_page(world))
    olga.click("Set budget")
    olga.submit("Set budget", amount=AMOUNT, steps="suspend", suspends_at="90")
    assert "Enter a whole percentage from 101 to 500." in errors(olga).values()
    olga.submit("Set budget", amount=AMOUNT, steps="suspend", suspends_at="130")
    deliver(row("400", world.ninas_cloud, "10T10"), row("0.000001", world.ninas_cloud))
    olga.get(usage_page(world))
    assert "92% of €431.70" in main_text(olga)
    assert "€400.00 in March 2026, by forecast €1,333.33" in main_text(olga)
    assert "at 130% the customer is suspended" in main_text(olga)
    olga.get(f"/partner/{world.north}/budgets")
    assert "Nina GmbH Budget: €431.70 Spent: €400.00 92%" in main_text(olga)
    deliver(row("435", world.ninas_cloud, "10T10"))
    watch()
    run_mails()
    olga.get(usage_page(world).replace("/usage", "/clouds"))
    assert "before 1 Apr 2026 no cloud can be created here or linked" in main_text(olga)
    account = f"/console/billing/{world.ninas_subaccount}"
    shown = [main_text(nina) for path in ("", "/usage", "/link") if nina.get(account + path)]
    assert all("The partner’s limit for this month is reached" in text for text in shown[::2])
    mail = plain_text(mails_to(NINA)[-1])
    assert "“North” is about to suspend your subaccount" in mail
    assert "on 12 Mar 2026 at the earliest" in " ".join(mail.split())
    assert not any(AMOUNT in text or "130" in text for text in (*shown, mail))


def test_an_editor_changes_the_amount_alone_and_a_viewer_only_reads(
    browser: Open, world: World
) -> None:
    eddie, vera = browser(EDDIE), browser(VERA)
    eddie.get(f"{usage_page(world)[:-6]}/budget")
    assert "Only an owner chooses what the budget stops." in main_text(eddie)
    eddie.submit("Set budget", amount="1,500")
    assert "0% of €1,500.00" in main_text(eddie)
    vera.get(usage_page(world))
    assert "0% of €1,500.00" in main_text(vera)
    assert "Change budget" not in main_text(vera)
    assert vera.get(f"{usage_page(world)[:-6]}/budget").status_code == 403
    eddie.submit("Remove budget")
    assert "No budget is set." in main_text(eddie)


def test_an_accounts_budget_is_on_its_page_and_a_customers_own_is_the_customers_alone(
    browser: Open, world: World, march: Clock
) -> None:
    deliver(row("55.5", world.doras_cloud, "10T10"))
    dora, nina, ace, olga = (browser(email) for email in (DORA, NINA, ACE, OLGA))
    dora.get(f"/console/billing/{world.direct}")
    dora.click("Set budget")
    dora.submit("Set budget", amount="much")
    assert "Enter an amount such as 500 or 49.50, with up to two decimals." in errors(dora).values()
    dora.submit("Set budget", amount="100")
    dora.get(f"/console/billing/{world.direct}")
    assert "55% of €100.00" in main_text(dora)
    usage = f"/console/billing/{world.ninas_subaccount}/usage"
    nina.get(usage)
    nina.click("Set budget")
    nina.submit("Set budget", amount="20")
    assert "0% of €20.00" in main_text(nina)
    assert "what has no price does not count" in main_text(nina)
    olga.get(usage)
    assert "Budget" not in main_text(olga)
    assert olga.get(usage.replace("usage", "budget")).status_code == 403
    ace.get(f"/console/billing/{world.north}/usage")
    assert "Set budget" not in main_text(ace)

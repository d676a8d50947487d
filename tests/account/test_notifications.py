"""Notices as people read them: in the application with a count, by mail, switched on and off."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db, mail
from portal.domain import customers, invitations, mail_deliveries, notifications
from portal.domain.actors import WORKER
from portal.domain.customers import Customer
from portal.domain.notifications import PREFERENCES, Channel, Kind
from portal.wording import notifications as notification_wording
from tests.support.answers import errors, links
from tests.support.browser import Browser
from tests.support.mails import mails_to, plain_text
from tests.support.world import CARL, EDDIE, NINA, OLGA, VERA, World, actor, user

Open = Callable[..., Browser]

FACTS = {
    Kind.CONFIRMED: {"customer": "Carl & Sons"},
    Kind.DECLINED: {"customer": "Carl & Sons"},
    Kind.NOT_DELIVERED: {"customer": "Carl & Sons"},
    Kind.PARKED: {"customer": "Carl & Sons Ltd."},
    Kind.LINKED: {"customer": "Carl & Sons", "cloud": "shop"},
    Kind.LEFT: {"customer": "Carl & Sons", "cloud": "shop"},
    Kind.ENDED: {"partner": "North & Co"},
    Kind.NOTICE_GIVEN: {"partner": "North & Co", "day": "2026-04-01"},
    Kind.NOTICE_WITHDRAWN: {"partner": "North & Co", "day": "2026-04-01"},
    Kind.SUSPENDED: {"partner": "North & Co"},
    Kind.RESUMED: {"partner": "North & Co"},
    Kind.MOVED: {"cloud": "<shop>"},
    Kind.PAYS: {"account": "North & Co", "cloud": "<shop>"},
    Kind.ACCESS_GIVEN: {"role": "billing.accounts.editor", "thing": "North & Co"},
    Kind.ACCESS_TAKEN: {"thing": "North & Co"},
    Kind.OWNER_ADDED: {"person": "Dora", "thing": "North & Co"},
    Kind.FINALISING: {"account": "North & Co", "month": "2026-03-01"},
    Kind.STATEMENT: {"issuer": "North & Co", "month": "2026-03-01"},
    Kind.LOT_USED: {"percent": "80", "account": "North & Co", "amount": "4000", "next": "waived"},
    Kind.BUDGET: {"step": "80", "month": "2026-03-01", "amount": "100", "customer": "Carl & Sons"},
    Kind.LIMIT: {"step": "near", "partner": "North & Co", "until": "2026-04-01"},
    Kind.LOT_EXPIRES: {
        "account": "North & Co",
        "amount": "4000",
        "left": "0.5",
        "day": "2026-05-01",
        "next": "lot",
        "until": "2026-06-01",
    },
}
"""What a verb says with each kind."""


def accept(email: str) -> None:
    who = actor(email)
    db.write(lambda: customers.accept(invitations.open_for(who)[0], by=who))


def rename(ident: str, name: str) -> None:
    def unit() -> None:
        db.lock(Customer, ident).name = name

    db.write(unit)


def tell(email: str, kind: Kind) -> None:
    to = [user(email).id]
    said = {"about": "x", **FACTS[kind]}
    db.write(
        lambda: notifications.notify(kind, to=to, target=notifications.CONSOLE, by=WORKER, **said)
    )


def test_the_count_of_unread_notices_stands_in_the_top_bar_and_opening_one_reads_it(
    app: Flask, world: World, browser: Open
) -> None:
    accept(CARL)
    eddie = browser(EDDIE)
    eddie.get(f"/partner/{world.north}/customers")
    assert "Notices 2 unread" in links(eddie)
    eddie.click("Notices 2 unread")
    assert "From that moment you pay for what is in the subaccount." in eddie.text
    eddie.submit("Carl & Sons confirmed the partnership")
    assert eddie.url.endswith(f"/partner/{world.north}/customers/{world.carls_customer}")
    assert "Notices 1 unread" in links(eddie)
    eddie.click("Notices 1 unread")
    eddie.submit("Mark all as read")
    assert "Notices" in links(eddie)
    assert "unread" not in eddie.text
    assert "Nina GmbH confirmed the partnership" in eddie.text


def test_who_was_told_nothing_reads_so_and_has_no_count(app: Flask, browser: Open) -> None:
    vera = browser(VERA)
    vera.get("/notices")
    assert "Nothing has happened yet" in vera.text
    assert "Notices" in links(vera)


def test_beyond_a_hundred_the_count_says_enough_and_the_list_has_pages(
    app: Flask, world: World, browser: Open
) -> None:
    for _n in range(101):
        tell(VERA, Kind.RESUMED)
    vera = browser(VERA)
    vera.get("/notices")
    assert "Notices 99+ unread" in links(vera)
    assert "50 notices shown, newest first." in vera.text
    vera.click("Next 50")
    vera.click("Next 50")
    assert "1 notice shown, newest first." in vera.text
    vera.click("First page")
    assert "50 notices" in vera.text
    alone = vera.get("/notices?after=none", headers={"HX-Request": "true"})
    assert alone.text.lstrip().startswith('<div id="list" ')


@pytest.mark.parametrize("told", Kind)
def test_each_kind_is_told_on_the_page_and_by_mail(
    app: Flask, world: World, browser: Open, told: Kind
) -> None:
    tell(VERA, told)
    with app.test_request_context():
        title = notification_wording.title(told, FACTS[told])
        mail_title = notification_wording.mail_title(told, FACTS[told])
        subject = notification_wording.subject(told)
        means = notification_wording.meaning(told, FACTS[told])
    names = [fact for name, fact in FACTS[told].items() if name not in notification_wording.OURS]
    assert all(name in title and name not in subject for name in names)
    assert all(f"“{name}”" in mail_title.replace("\u200b", "") for name in names)
    vera = browser(VERA)
    vera.get("/notices")
    assert f"{title} unread {means}" in vera.text
    letter = mails_to(VERA)[-1]
    assert letter["Subject"] == subject
    said = plain_text(letter)
    assert " ".join(said.split()).startswith(f"{mail_title} {means} http://localhost/console ")
    assert said.rstrip().endswith("http://localhost/notices/choose")
    assert max(map(len, said.splitlines())) <= 76


REASONS = {
    "restored": (
        "The portal was restored from a backup, and the email may have left since that backup."
    ),
    "worker-died": "The portal stopped while it handed the email over.",
    "fault": "The portal failed while it handed the email over.",
    "421": "The mail server gave no answer after the text was sent.",
}


def test_a_parked_mail_says_the_true_reason_on_the_page_and_by_mail(
    app: Flask, world: World, browser: Open
) -> None:
    wanted = "%s Nobody can know whether it arrived, so it is not sent again. Pass the link on."
    with app.test_request_context():
        for reason, says in REASONS.items():
            meaning = notification_wording.meaning(Kind.PARKED, {"reason": reason})
            assert meaning == wanted % says
    facts = {"about": "x", "customer": "Carl & Sons", "reason": "restored"}
    to, target = [user(VERA).id], notifications.CONSOLE
    db.write(lambda: notifications.notify(Kind.PARKED, to=to, target=target, by=WORKER, **facts))
    vera = browser(VERA)
    vera.get("/notices")
    assert wanted % REASONS["restored"] in vera.text
    assert wanted % REASONS["restored"] in " ".join(plain_text(mails_to(VERA)[-1]).split())


def test_somebody_elses_role_is_told_with_their_name(app: Flask) -> None:
    facts = {"role": "billing.accounts.viewer", "thing": "North", "person": "Dora"}
    with app.test_request_context():
        given = notification_wording.title(Kind.ACCESS_GIVEN, facts)
        taken = notification_wording.title(Kind.ACCESS_TAKEN, facts)
        facts["role"] = "resource-manager.clouds.owner"
        on_cloud = notification_wording.title(Kind.ACCESS_GIVEN, facts)
    assert given == "Dora was given the role viewer on North"
    assert on_cloud == "Dora was given the role resource-manager.clouds.owner on North"
    assert taken == "Dora’s role on North was taken back"


def test_a_name_with_markup_is_text_on_the_page_and_in_both_parts_of_the_mail(
    app: Flask, world: World, browser: Open
) -> None:
    name = '<img src=x> & "Sons"'
    rename(world.carls_customer, name)
    accept(CARL)
    eddie = browser(EDDIE)
    eddie.get("/notices")
    assert f"{name} confirmed the partnership" in eddie.text
    letter = mails_to(EDDIE)[-1]
    assert letter["Subject"] == "A customer confirmed"
    assert f"“{name}” confirmed the partnership" in plain_text(letter).splitlines()
    html = letter.get_body(("html",))
    assert html is not None
    assert "&lt;img src=x&gt; &amp; &#34;Sons&#34;" in html.get_content()


def test_a_mail_of_a_notice_may_go_again_where_nobody_knows_whether_it_left(
    app: Flask, world: World
) -> None:
    while (entry := db.write(mail_deliveries.claim_next)) is not None:
        if entry.kind == notifications.MAIL:
            break
    assert entry is not None
    assert "“Nina GmbH” confirmed the partnership" in mail.render(entry).body
    ident, token = entry.id, entry.token or ""
    db.write(lambda: mail_deliveries.mark_transmitting(ident, token))
    db.write(lambda: mail_deliveries.record_no_reply(ident, token, "the connection broke"))
    assert mail_deliveries.get(ident).state is mail_deliveries.DeliveryState.PENDING


def test_one_chooses_what_one_hears_of_and_where(app: Flask, world: World, browser: Open) -> None:
    olga = browser(OLGA)
    olga.get("/notices")
    olga.click("Choose notices")
    boxes = olga.form("/notices/choose")["wanted"]
    assert boxes == [f"{kind}:{channel}" for kind, channel in PREFERENCES], "all, to begin with"
    kept = [box for box in boxes if box not in ("customer.confirmed:mail", "owner.added:app")]
    olga.submit("Save", wanted=kept)
    assert "Your choice is saved." in olga.text
    assert olga.form("/notices/choose")["wanted"] == kept
    assert notifications.muted_by(actor(OLGA)) == {
        (Kind.CONFIRMED, Channel.MAIL),
        (Kind.OWNER_ADDED, Channel.APP),
    }
    assert notifications.muted_by(actor(EDDIE)) == set()


def test_a_choice_that_is_none_changes_nothing_and_keeps_the_ticks(
    app: Flask, world: World, browser: Open
) -> None:
    olga = browser(OLGA)
    olga.get("/notices/choose")
    token = olga.form("/notices/choose")["csrf_token"]
    data = {"csrf_token": token, "wanted": ["cloud.sold:mail", "owner.added:app"]}
    assert olga.post("/notices/choose", data=data).status_code == 422
    assert "cloud.sold:mail" in olga.text
    assert olga.form("/notices/choose")["wanted"] == ["owner.added:app"]
    assert notifications.muted_by(actor(OLGA)) == set()


def test_a_stale_form_reads_nothing(app: Flask, world: World, browser: Open) -> None:
    olga = browser(OLGA)
    for url in (f"/notices/{world.olgas_notice}/read", "/notices/read-all"):
        answer = olga.post(url, data={"csrf_token": "old"})
        assert (answer.status_code, answer.location) == (303, "/notices")
    assert notifications.count_unread(actor(OLGA)) == 1


def test_the_customer_reads_who_suspended_them_and_finds_the_account(
    app: Flask, world: World, browser: Open
) -> None:
    who = actor(OLGA)
    db.write(lambda: customers.suspend(db.lock(Customer, world.ninas_customer), by=who))
    nina = browser(NINA)
    nina.get("/notices")
    nina.submit("North suspended your subaccount")
    assert nina.url.endswith(f"/console/billing/{world.ninas_subaccount}")
    assert errors(nina) == {}

"""Whose language is spoken: on pages, in mails, in files, and how Russian says numbers and days."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask import Flask
from flask_babel import force_locale, ngettext
from sqlalchemy import select, update

from portal import db
from portal.domain import identity
from portal.domain.customers import Customer, Status
from portal.domain.mail_deliveries import MailDelivery
from portal.i18n import formats
from tests.support import import_files
from tests.support.answers import stored_rows
from tests.support.browser import Browser
from tests.support.jobs import run_imports
from tests.support.mails import link_in, mails_to
from tests.support.relay import SUBJECT, invite
from tests.support.world import DORA, OLGA, World, actor, user

Open = Callable[..., Browser]

NEW = "new@comer.example"
SECRET = "a fine long password"
ASKS_FOR_RUSSIAN = {"Accept-Language": "ru-RU,ru;q=0.9,en;q=0.5"}
RUSSIAN_SUBJECT = "Подтвердите, что готовы работать с интегратором в Test Cloud"


def set_russian(email: str) -> None:
    """Their profile says so from now on."""
    who = actor(email)
    db.write(lambda: identity.edit_profile(who, name="Имя", language="ru", time_zone=""))


def spoken(client: Browser, path: str, **headers: str) -> str | None:
    client.get(path, headers=headers)
    return client.page.get("lang")


def test_a_page_speaks_as_the_profile_says_then_the_browsers_choice_then_what_it_asks_for(
    browser: Open, world: World
) -> None:
    anybody, olga = browser(), browser(OLGA)
    assert spoken(anybody, "/sign-in") == "en"
    assert spoken(anybody, "/sign-in?next=/console", **ASKS_FOR_RUSSIAN) == "ru"
    assert "Вход" in anybody.text
    before = stored_rows()
    assert anybody.submit("English").request.full_path == "/sign-in?next=%2Fconsole"
    assert stored_rows() == before
    assert spoken(anybody, "/sign-in", **ASKS_FOR_RUSSIAN) == "en"
    assert spoken(olga, "/profile", **ASKS_FOR_RUSSIAN) == "en"
    set_russian(OLGA)
    assert spoken(olga, "/profile") == "ru"


def test_who_signs_up_in_russian_has_a_russian_account_and_russian_mails(
    browser: Open, world: World
) -> None:
    client = browser()
    client.set_cookie("portal-language", "ru")
    client.get("/sign-up")
    client.submit("Зарегистрироваться", name="Нина", email=NEW)
    (letter,) = mails_to(NEW)
    assert letter["Subject"] == "Подтвердите адрес для Test Cloud"
    client.get(link_in(letter))
    client.submit("Создать учётную запись", password=SECRET, password_again=SECRET)
    assert user(NEW).language == "ru"
    client.get("/profile")
    assert client.page.get("lang") == "ru"


@pytest.mark.parametrize(
    ("russian", "invited", "subject"),
    [
        (OLGA, NEW, RUSSIAN_SUBJECT),
        (OLGA, DORA, SUBJECT),
        (DORA, DORA, RUSSIAN_SUBJECT),
    ],
)
def test_an_invitation_speaks_as_the_invited_do_else_as_who_adds_them(
    app: Flask, world: World, russian: str, invited: str, subject: str
) -> None:
    set_russian(russian)
    invite(world, email=invited)
    assert mails_to(invited)[-1]["Subject"] == subject


def test_a_status_stands_in_code_on_a_russian_page(browser: Open, world: World) -> None:
    set_russian(OLGA)
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers")
    assert "Клиенты" in olga.text
    assert all(status in olga.text for status in Status)


@pytest.mark.parametrize(
    ("noted", "read"),
    [
        ("kept as a file: no mail server is configured", "почтовый сервер не настроен"),
        ("internal fault: KeyError", "внутренняя ошибка: KeyError"),
        ("421 4.7.0 Not now", "421 4.7.0 Not now"),
    ],
)
def test_what_the_portal_notes_of_a_mail_is_read_in_russian_and_a_relays_words_as_they_are(
    browser: Open, world: World, noted: str, read: str
) -> None:
    set_russian(OLGA)
    of_carl = update(MailDelivery).where(MailDelivery.about == world.carls_subaccount)
    db.write(lambda: db.session.execute(of_carl.values(answer=noted)))
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers/{world.carls_customer}")
    assert read in olga.text


def test_a_russian_file_says_yes_and_no_in_russian_and_invites_in_russian(
    browser: Open, world: World
) -> None:
    set_russian(OLGA)
    olga = browser(OLGA)
    rows = ("A,a@client.example,DE,Нет", "B,b@client.example,DE,да", "C,c@client.example,DE,не")
    file = import_files.csv_file(*rows, header=f"{import_files.HEADER},with_cloud")
    olga.get(import_files.import_path(world))
    olga.submit("Загрузить и проверить", file=(io.BytesIO(file), "customers.csv"))
    run_imports()
    olga.get(olga.url)
    assert "Здесь должно быть да, нет или пусто" in import_files.outcomes(olga)[4]
    olga.submit(form="begin")
    run_imports()
    found = select(Customer.name, Customer.default_cloud_id).order_by(Customer.id.desc()).limit(2)
    made = db.read(lambda: db.session.execute(found).all())
    assert {name: cloud is not None for name, cloud in made} == {"A": False, "B": True}
    assert mails_to("a@client.example")[-1]["Subject"] == RUSSIAN_SUBJECT


def test_russian_writes_days_money_and_counts_its_own_way(app: Flask) -> None:
    with app.test_request_context(), force_locale("ru"):
        day = formats.local_day(datetime(2026, 3, 4, 12, tzinfo=UTC))
        assert " ".join(day.split()) == "4 мар. 2026 г."
        assert formats.money(Decimal("1234.50")).replace("\xa0", " ") == "1 234,50 €"
        one, many = "%(num)s customer changed.", "%(num)s customers changed."
        assert [str(ngettext(one, many, n)) for n in (1, 2, 5, 11, 21)] == [
            "Изменился 1 клиент.",
            "Изменились 2 клиента.",
            "Изменилось 5 клиентов.",
            "Изменилось 11 клиентов.",
            "Изменился 21 клиент.",
        ]

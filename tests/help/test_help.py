"""The guide says what the screens say, leads where they are, and hears whether it helped."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from itertools import groupby, product
from urllib.parse import urldefrag, urljoin

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal import db
from portal.domain import identity
from portal.domain.actors import COMMAND
from portal.domain.feedback import MAX_COMMENT_LENGTH, RETENTION, Feedback, Reason
from portal.domain.identity.rate_limits import FEEDBACK_PER_NETWORK, FEEDBACK_PER_VOICE
from portal.wording import guide
from tests.support import catalogue
from tests.support.answers import csrf_token, links, notices
from tests.support.browser import Browser
from tests.support.jobs import run_upkeep
from tests.support.page import text_of
from tests.support.pictures import PICTURES, PICTURES_FOLDER, SMALL
from tests.support.world import CARL, DORA, OLGA, Clock, World, user

Open = Callable[..., Browser]

LABEL = re.compile(r"\*\*(.+?)\*\*")
SENTENCE = re.compile(r"(?<!\*)\*([^*]+\.)\*(?!\*)")
PICTURE = re.compile(r"!\[(.+)\]\((.+)\)")
HTMX = {"HX-Request": "true"}
WITHOUT_WAITING = {
    "ACCESS_PROPAGATION_SECONDS": "0",
    "SIGN_UP": "closed",
    "INITIAL_GRANT": "0",
    "PRODUCT_NAME": "A *B* <C>",
}
FOR_SOME = {
    "ACCESS_PROPAGATION_SECONDS": "90",
    "SIGN_UP": "invited",
    "CUSTOMER_EMAIL_DOMAINS": "client.example",
}


def source(slug: str, language: str) -> str:
    return (guide.FOLDER / language / f"{slug}.md").read_text()


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("settings", [{}, WITHOUT_WAITING, FOR_SOME])
@pytest.mark.parametrize("language", guide.LANGUAGES)
def test_every_page_reads_well_and_its_links_lead_somewhere(
    app: Flask, browser: Open, world: World, language: str
) -> None:
    client, anchors, wanted = browser(), {}, set()
    for slug in guide.PAGES:
        client.get(f"/help/{slug}", headers={"Accept-Language": language})
        assert client.page.get("lang") == language
        (article,) = client.page.iter("article")
        assert not re.search(r"[{}]|\*\*|#", text_of(article)), slug
        anchors[f"/help/{slug}"] = {node.get("id") for node in client.page.iter()}
        hrefs = [link.attrib["href"] for link in article.iter("a")]
        wanted |= {urldefrag(urljoin(f"/help/{slug}", href)) for href in hrefs}
    assert wanted
    for path, anchor in wanted:
        app.url_map.bind("localhost").match(path)
        assert not anchor or anchor in anchors[path], (path, anchor)


def test_the_pages_of_each_audience_stand_together() -> None:
    audiences = [audience for audience, _ in groupby(guide.PAGES.values(), lambda it: it.audience)]
    assert sorted(audiences) == sorted(guide.AUDIENCES)


def test_what_stands_in_bold_and_each_italic_sentence_is_on_a_screen() -> None:
    found = list(catalogue.extract_messages("en"))
    known = {f"{it.context}|{it.id}" if it.context else it.id for it in found}
    for language, slug in product(guide.LANGUAGES, guide.PAGES):
        text = source(slug, language)
        labels, sentences = LABEL.findall(text), SENTENCE.findall(text)
        assert set(labels) | set(sentences) <= known, (slug, {*labels, *sentences} - known)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_russian_page_names_the_labels_as_russian_screens_do(browser: Open, world: World) -> None:
    anybody = browser()
    anybody.get("/help/new-customer", headers={"Accept-Language": "ru"})
    found = catalogue.read_catalogue("ru")
    for word in LABEL.findall(source("new-customer", "ru")):
        message = found.get(word)
        assert (message.string if message and message.string else word) in anybody.text


@pytest.mark.parametrize("language", guide.LANGUAGES)
def test_every_picture_is_small_and_shown_and_says_what_it_shows(language: str) -> None:
    texts = "\n".join(source(slug, language) for slug in guide.PAGES)
    names = {picture.name for picture in PICTURES}
    assert {name for _alt, name in PICTURE.findall(texts)} == names
    files = {path.stem: path for path in (PICTURES_FOLDER / language).iterdir()}
    assert set(files) == names
    assert max(path.stat().st_size for path in files.values()) < SMALL


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_help_leads_from_every_screen_to_the_page_about_it(
    app: Flask, browser: Open, world: World
) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    places = {end.rsplit(".", n)[0] for end in endpoints for n in range(end.count(".") + 1)}
    assert set(guide.SCREENS) <= places | endpoints
    assert set(guide.SCREENS.values()) <= set(guide.PAGES)
    olga, anybody = browser(OLGA), browser()
    customer = f"/partner/{world.north}/customers/{world.carls_customer}"
    for client, path, slug in (
        (olga, customer, "/invitation"),
        (olga, f"{customer}/clouds", "/customers-cloud"),
        (olga, f"/console/clouds/{world.ninas_cloud}/access", "/access"),
        (olga, f"/console/billing/{world.north}", "/who-pays"),
        (olga, "/invite/accept/none", "/answering"),
        (anybody, "/sign-up/sent", "/sign-in"),
        (anybody, "/help/paid", ""),
    ):
        client.get(path)
        assert links(client)["Help"] == f"/help{slug}"


THANKS = "Thank you for saying so. You may change your answer; the last one counts."


def test_the_last_answer_of_a_reader_counts_and_an_operator_reads_them(
    app: Flask, browser: Open, world: World, clock: Clock
) -> None:
    anybody, carl = browser(), browser(CARL)
    anybody.get("/help/paid")
    assert anybody.submit("Yes").request.path == "/help/paid"
    assert notices(anybody, "success") == [THANKS]
    anybody.submit("Send")
    assert "Choose one of these." in anybody.text
    anybody.submit("Send", reason=Reason.NO_USE, comment="x" * (MAX_COMMENT_LENGTH + 1))
    assert f"at most {MAX_COMMENT_LENGTH}" in anybody.text
    anybody.submit("Send", reason=Reason.NO_USE, comment=" Where  is Billing? ")
    carl.get("/help/paid")
    carl.submit("Yes")
    stored = db.read(lambda: db.session.execute(select(Feedback.reason, Feedback.user_id)).all())
    assert {tuple(row) for row in stored} == {(None, user(CARL).id), (Reason.NO_USE, None)}
    assert carl.get("/operator/feedback").status_code == 404

    db.write(lambda: identity.make_operator(user(DORA), by=COMMAND))
    dora = browser(DORA)
    dora.get("/help/paid")
    dora.click("Operator")
    dora.click("Feedback")
    (rows,) = dora.page.iter("tbody")
    counted = "Helpful: 1 No answer to my question: 0 Recommendations didn't help: 1"
    assert text_of(rows).startswith(f"Switch to the paid mode en {counted} ")
    assert "Where is Billing?" in dora.text
    assert "not signed in" in dora.text


def test_a_year_later_nobody_knows_any_more_who_said_what(
    app: Flask, browser: Open, world: World, clock: Clock
) -> None:
    carl, anybody = browser(CARL), browser()
    carl.get("/help/paid")
    carl.submit("Send", reason=Reason.NO_USE, comment="Where is Billing?")
    clock.forward(days=1)
    anybody.get("/help/paid")
    anybody.submit("Yes")
    for time_passes, kept in (
        (RETENTION - timedelta(days=1, hours=1), ["Where is Billing?", ""]),
        (timedelta(hours=1), [""]),
        (timedelta(days=1), []),
    ):
        clock.forward(seconds=time_passes.total_seconds())
        run_upkeep("purge-feedback")
        said = select(Feedback.comment).order_by(Feedback.id)
        assert list(db.read(lambda said=said: db.session.scalars(said).all())) == kept


def test_an_answer_by_htmx_is_thanked_for_in_place(browser: Open, world: World) -> None:
    carl = browser(CARL)
    carl.get("/help/team")
    data = {"csrf_token": csrf_token(carl), "helped": "1"}
    carl.get("/help/team")
    answer = carl.post("/help/team/feedback", data=data, headers=HTMX, follow_redirects=True)
    assert answer.request.headers["HX-Request"] == "true"
    assert notices(carl, "success") == [THANKS]
    assert "<main" not in answer.text


def test_nobody_floods_it(app: Flask, browser: Open, world: World, clock: Clock) -> None:
    def say(client: Browser) -> int:
        client.get("/help/paid")
        data = {"csrf_token": csrf_token(client), "helped": "1"}
        return client.post("/help/paid/feedback", data=data).status_code

    anybody, carl = browser(), browser(CARL)
    assert {say(anybody) for _time in range(FEEDBACK_PER_VOICE.max_attempts)} == {303}
    assert say(anybody) == 422
    (told,) = notices(anybody)
    assert "That was a lot of feedback at once. Give more in 60 minutes." in told
    assert say(carl) == 303
    others = [
        say(browser())
        for _time in range(FEEDBACK_PER_NETWORK.max_attempts - FEEDBACK_PER_VOICE.max_attempts - 1)
    ]
    assert set(others) == {303}
    assert say(browser()) == 422
    clock.forward(hours=1)
    assert say(anybody) == 303
    count = select(func.count()).select_from(Feedback)
    assert db.read(lambda: db.session.scalar(count)) == len(others) + 2

"""Every URL stands behind a gate, and shows to each only what is theirs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from flask import Flask, template_rendered
from sqlalchemy import select
from werkzeug.routing import Rule

from portal import PUBLIC, IdConverter, config, db, tokens, web
from portal.domain import access, identity, values
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from tests.support.answers import csrf_token, normalized_html, stored_rows
from tests.support.browser import Browser
from tests.support.world import CARL, DORA, OLGA, SAM, VERA, Clock, World, user
from tests.web.test_templates import modules_in

Open = Callable[..., Browser]

PYTHON_OBJECT = re.compile(r"<(?:module|function|class|bound method|built-in) |\bobject at 0x")

SAMPLES = {
    "account_id": (OLGA, "north"),
    "customer_id": (OLGA, "ninas_customer"),
    "cloud_id": (OLGA, "ninas_cloud"),
    "folder_id": (OLGA, "ninas_folder"),
    "user_id": (OLGA, "eddie"),
    "holder_id": (OLGA, "north"),
    "partner_id": (OLGA, "north"),
    "note_id": (OLGA, "ninas_note"),
    "notice_id": (OLGA, "olgas_notice"),
    "view_id": (OLGA, "olgas_view"),
    "import_id": (OLGA, "norths_import"),
    "ident": (CARL, "carls_subaccount"),
    "job_id": (DORA, "carls_job"),
    "person_id": (DORA, "eddie"),
    "reseller_id": (DORA, "north"),
    "connection_id": (DORA, "connection"),
    "claim_id": (DORA, "doras_claim"),
    "access_id": (OLGA, "olgas_access"),
    "delivery_id": (DORA, "delivery"),
    "key_id": (DORA, "usage_key"),
    "statement_id": (OLGA, "ninas_statement"),
}
"""For each argument whose it is, and which."""

NOBODYS = {
    "static": "files are everybody's",
    "auth.verify": "who has the token has read the mail",
    "callbacks.receive": "a signature says who sends; the answer is the same to all",
    "password_reset.choose": "who has the token has read the mail",
    "profile.confirm_email": "who has the token has read the mail, and is asked who they are",
    "mailbox.show": "this machine's mails, before anyone is signed in",
    "help.show": "the guide is everybody's",
    "help.answer": "everybody may say whether it helped",
    "operator.add_connection": "a kind of connections is no tenant's",
    "operator.adopt_drift": "what differs at a connection is the operators'",
    "operator.restore_drift": "as above",
    "operator.check_drift": "as above",
    "operator.carried_out": "what is to be done by hand is the operators'",
    "operator.cannot_carry_out": "as above",
    "operator.limit_cloud": "a cloud of a connection is the operators', too",
    "operator.show_jobs": "a kind of jobs is no tenant's",
    "operator.show_month": "a month is no tenant's",
    "operator.finalise_month": "as above",
    "operator.close_month": "as above",
    "operator.stop_month": "as above",
}
"""Endpoints whose argument is no ID of a tenant's thing."""

MADE_UP = (
    "dn2" + "0" * 17,
    "b1g" + "v" * 17,
    "dn2",
    "dn2" + "0" * 18,
    "DN2" + "A" * 17,
    "dn2" + "%EF%BC%90" * 17,  # full-width digits
    "none",
    "%25",
    "%0D%0Adn2",
)
"""IDs that nothing has, and what is no ID, as a URL's path writes them."""

ONE_OF_EACH = ("dn2" + "0" * 17, "%0D%0Adn2")
"""For URLs whose converter decides between the two; one of them is asked for all the others."""


@pytest.fixture(autouse=True)
def _operator(app: Flask) -> None:
    """Dora is an operator here."""
    db.write(lambda: identity.make_operator(user(DORA), by=COMMAND))


def with_ids(app: Flask, method: str) -> list[Rule]:
    """The rules that carry IDs and answer `method`, by name: so *accept* is before *decline*; what
    takes a thing away, or access, on which others stand, comes last."""
    found = [
        rule
        for rule in app.url_map.iter_rules()
        if rule.arguments and rule.endpoint not in NOBODYS and method in (rule.methods or set())
    ]
    last = ("remove_", "revoke")
    return sorted(
        found, key=lambda rule: (any(part in rule.endpoint for part in last), rule.endpoint)
    )


def url(app: Flask, rule: Rule, world: World, **changes: str) -> str:
    ours = {name: getattr(world, sample[1]) for name, sample in SAMPLES.items()}
    ours |= {"kind": "mail", "month": "2026-02", "entry_id": "b1g" + "0" * 17}
    values = {name: (ours | changes)[name] for name in rule.arguments}
    return app.url_map.bind("localhost").build(rule.endpoint, values)


def owner_of(rule: Rule) -> str:
    (owner,) = {SAMPLES[name][0] for name in rule.arguments}
    return owner


def every_url(app: Flask, world: World, method: str) -> Iterator[tuple[Rule, str]]:
    """Every rule that answers `method` and a URL of it, those of nobody too."""
    address = values.email("new@client.example")
    asked = {"name": "New", "next_path": "/", "language": "en", "invited": False}
    db.write(lambda: identity.sign_up(address, **asked))
    sign_up_id = db.read(lambda: db.session.scalars(select(identity.SignUp.id)).one())
    nobodys = {
        "filename": "app.css",
        "token": tokens.sign("verification", sign_up_id, epoch=""),
        "letter_id": "out" + "0" * 17,
        "slug": "paid",
    }
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or set()):
            yield rule, url(app, rule, world, **nobodys)


def test_every_endpoint_is_gated_or_public_on_purpose(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert endpoints >= PUBLIC, "PUBLIC names an endpoint that is not there"
    gates = {name for name, blueprint in app.blueprints.items() if _is_gated(app, name)}
    ungated = {e for e in endpoints if e.rpartition(".")[0] not in gates}
    assert ungated <= PUBLIC
    assert endpoints - PUBLIC, "nothing is gated at all"


def _is_gated(app: Flask, name: str) -> bool:
    """Whether a request passes checks of the blueprint or of one that it hangs below."""
    above = [name.rsplit(".", n)[0] for n in range(name.count(".") + 1)]
    return any(app.before_request_funcs.get(blueprint) for blueprint in above)


def test_an_endpoint_without_a_gate_refuses_the_start(app: Flask) -> None:
    web.refuse_ungated(app, PUBLIC)
    with pytest.raises(RuntimeError, match=r"endpoint front has no gate and is not in PUBLIC"):
        web.refuse_ungated(app, PUBLIC - {"front"})


def test_the_samples_cover_every_argument(app: Flask) -> None:
    rules = list(app.url_map.iter_rules())
    assert {rule.endpoint for rule in rules if rule.arguments} >= set(NOBODYS)
    arguments = {name for m in ("GET", "POST") for r in with_ids(app, m) for name in r.arguments}
    assert arguments == set(SAMPLES)


def test_a_stranger_writes_nothing_at_any_url(app: Flask, browser: Open, world: World) -> None:
    sam = browser(SAM)
    data = {"csrf_token": csrf_token(sam), "name": "changed"}
    before = stored_rows()
    answers = {
        rule.endpoint: sam.post(url(app, rule, world), data=data).status_code
        for rule in with_ids(app, "POST")
    }
    assert answers
    assert set(answers.values()) == {404}, answers
    assert stored_rows() == before


def test_an_owner_writes_at_every_url(app: Flask, browser: Open, world: World) -> None:
    owners = {email: browser(email) for email in (OLGA, CARL, DORA)}
    good = {email: csrf_token(client) for email, client in owners.items()}
    answers = {}
    for rule in with_ids(app, "POST"):
        owner = owner_of(rule)
        answer = owners[owner].post(url(app, rule, world), data={"csrf_token": good[owner]})
        answers[rule.endpoint] = answer.status_code
    assert set(answers.values()) <= {303, 422}, answers


PEOPLE = [
    pytest.param(DORA, id="operator"),
    pytest.param(OLGA, id="owner"),
    pytest.param(VERA, id="viewer"),
    pytest.param(SAM, id="stranger"),
    pytest.param(CARL, id="customer"),
    pytest.param(None, id="anonymous"),
]


@pytest.mark.parametrize("who", PEOPLE)
def test_reading_shows_each_what_is_theirs_and_changes_nothing(
    app: Flask, browser: Open, world: World, clock: Clock, who: str | None
) -> None:
    """A stranger finds nothing at any URL with an ID, an owner finds every one of theirs. No page
    shows a Python object, nor a path of the server."""
    client, passed = browser(who), set[str]()

    def record(_app: Flask, *, context: dict[str, Any], **_kwargs: Any) -> None:
        passed.update(context)

    urls, tenants = list(every_url(app, world, "GET")), with_ids(app, "GET")
    before = stored_rows()
    with template_rendered.connected_to(record, app):
        read_all(client, urls, tenants, clock, who)
    assert "product_name" in passed
    assert passed & modules_in(app.jinja_env) == set()
    assert stored_rows() == before


def read_all(
    client: Browser,
    urls: list[tuple[Rule, str]],
    tenants: list[Rule],
    clock: Clock,
    who: str | None,
) -> None:
    for rule, target in urls:
        for method in ("GET", "HEAD") if who == OLGA else ("GET",):
            clock.forward(seconds=2)  # the session is seen again, and stays recent
            # Signed in already, "/sign-in" leads on; that page is one of the others.
            answer = client.open(target, method=method, buffered=True)
            status, page = answer.status_code, unescape(answer.data.decode(errors="replace"))
            assert not PYTHON_OBJECT.search(page), target
            assert str(config.ROOT) not in page, target
            assert status < 500 or target == "/readyz", target
            if rule in tenants:
                assert who != SAM or status == 404, (method, target)
                assert who != owner_of(rule) or status == 200, (method, target)


def is_converted(rule: Rule, name: str) -> bool:
    return isinstance(rule._converters[name], IdConverter)


def test_the_ids_converter_takes_nothing_else(app: Flask, world: World) -> None:
    rules = [rule for method in ("GET", "POST") for rule in with_ids(app, method)]
    others = {name for rule in rules for name in rule.arguments if not is_converted(rule, name)}
    assert others == {"ident"}, "an invitation has a page for whatever stands there"
    taken = re.compile(IdConverter.regex).fullmatch
    assert [made_up for made_up in MADE_UP if taken(unquote(made_up))] == list(MADE_UP[:2])
    assert all(taken(getattr(world, name)) for _owner, name in SAMPLES.values())


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_made_up_id_is_answered_like_a_strangers(
    app: Flask, browser: Open, world: World, method: str
) -> None:
    clients = {email: browser(email) for email in (SAM, OLGA, CARL, DORA)}
    good = {email: csrf_token(client) for email, client in clients.items()}

    def page(email: str, target: str) -> str:
        data = {"csrf_token": good[email]} if method == "POST" else None
        answer = clients[email].open(target, method=method, data=data)
        assert answer.status_code == 404, (email, target)
        # The switch of portals shows where one is, which a URL that is none does not say.
        return normalized_html(answer).replace(' aria-current="true"', "")

    rules = with_ids(app, method)
    for rule in rules:
        foreign = page(SAM, url(app, rule, world))
        for name in rule.arguments:
            there = url(app, rule, world, **{name: "dn2" + "0" * 17})
            is_like_the_first = is_converted(rule, name) and rule is not rules[0]
            for made_up in ONE_OF_EACH if is_like_the_first else MADE_UP:
                target = there.replace("dn2" + "0" * 17, made_up)
                assert page(SAM, target) == foreign, target
            page(owner_of(rule), there)


def test_an_id_of_ones_own_in_the_wrong_place_is_not_found(browser: Open, world: World) -> None:
    def let_olga_in() -> None:
        south = db.lock(BillingAccount, world.south)
        access.assign_account_role(AccountRole.OWNER, to=user(OLGA).id, account=south, by=COMMAND)

    db.write(let_olga_in)
    olga = browser(OLGA)
    customers = f"/partner/{world.south}/customers"
    assert olga.get(f"{customers}/{world.souths_customer}").status_code == 200
    assert olga.get(f"{customers}/{world.carls_customer}").status_code == 404
    assert olga.get(f"{customers}/{world.carls_customer}/history").status_code == 404
    clouds = "/console/clouds"
    folder = f"folders/{world.ninas_folder}/rename"
    assert olga.get(f"{clouds}/{world.ninas_cloud}/{folder}").status_code == 200
    assert olga.get(f"{clouds}/{world.carls_cloud}/{folder}").status_code == 404
    assert olga.get(f"{clouds}/{world.ninas_cloud}/access/{world.north}/revoke").status_code == 200
    for holder, step in (
        (world.south, "revoke"),
        (world.south, "revoke-partner"),
        (world.ninas_subaccount, "change"),
        (user(SAM).id, "change"),
        (user(OLGA).id, "revoke"),
        (user(SAM).id, "revoke-partner"),
    ):
        assert olga.get(f"{clouds}/{world.ninas_cloud}/access/{holder}/{step}").status_code == 404
    assert olga.get(f"/partner/{world.carls_subaccount}/customers").status_code == 403


def test_anonymous_reading_leads_to_sign_in_and_back(
    app: Flask, browser: Open, world: World
) -> None:
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC or "GET" not in (rule.methods or set()):
            continue
        wanted, client = url(app, rule, world, token="made-up") + "?q=a%26b", browser()
        answer = client.get(wanted)
        assert (answer.status_code, urlsplit(answer.location).path) == (303, "/sign-in")
        assert parse_qs(urlsplit(answer.location).query) == {"next": [wanted]}
        head = client.head(wanted)
        assert (head.status_code, head.location) == (303, answer.location)
        asked = client.get(wanted, headers={"HX-Request": "true"})
        assert (asked.status_code, asked.headers["HX-Redirect"]) == (200, answer.location)
    client.get(answer.location)
    owner = owner_of(rule) if rule.arguments else OLGA
    back = client.submit("Sign in", email=owner, password="correct horse")
    assert back.request.full_path == wanted


def test_anonymous_writing_carries_the_fields_and_does_nothing(
    app: Flask, browser: Open, world: World
) -> None:
    before = stored_rows()
    typed = {"name": ['Ünï "&<b>'], "twice": ["1", "2"], "password": ["secret phrase"]}
    posted = 0
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC or "POST" not in (rule.methods or set()):
            continue
        client, target = browser(), url(app, rule, world, token="made-up")
        csrf = {"csrf_token": csrf_token(client), "form_key": "k" * 20}
        came_from = {"Referer": "http://localhost/console?q=1"}
        answer = client.post(target, data=typed | csrf, headers=came_from, follow_redirects=True)
        assert answer.status_code == 422
        assert "Your session has ended." in client.text
        assert "secret phrase" not in answer.text
        form = client.form("/sign-in")
        assert json.loads(form["carried"]) == {k: typed[k] for k in ("name", "twice")}
        shown_by_get = "GET" in (rule.methods or set())
        assert form["next"] == (target if shown_by_get else "/console")
        posted += 1
    assert posted
    assert stored_rows() == before


def test_a_session_is_seen_once_a_minute_at_most(browser: Open, clock: Clock) -> None:
    def seen() -> object:
        table = identity.UserSession.__table__
        return db.read(lambda: db.session.execute(table.select()).one().seen_at)

    olga = browser(OLGA)
    first = seen()
    clock.forward(seconds=50)
    olga.get("/console")
    assert seen() == first
    clock.forward(seconds=15)
    olga.get("/console")
    assert seen() > first  # type: ignore[operator]

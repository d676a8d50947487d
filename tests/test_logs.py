"""Log lines: their form, what is logged when, and that no line holds personal data."""

from __future__ import annotations

import ast
import json
import logging
import re
import runpy
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import structlog
from flask import Flask
from gunicorn.config import Config
from sqlalchemy import text

from portal import db, logs
from portal.domain import identity, team, values, workflows
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.errors import Code, Refused
from tests.conftest import KINDS
from tests.support.browser import Browser
from tests.support.mails import link_in, mails_to
from tests.support.processes import ROOT
from tests.support.world import (
    CARL,
    DORA,
    NAMES,
    OLGA,
    PASSWORD,
    PASSWORD_HASH,
    SAM,
    VERA,
    World,
    actor,
    signed_in,
    user,
)

Line = dict[str, Any]
Open = Callable[..., Browser]

NEW, NEW_NAME, NEW_PHONE = "Grace.Hopper@New-Client.example", "Grace Hopper", "+442070313000"


@pytest.fixture
def kind() -> str:
    """Lines do not depend on the database."""
    return "sqlite"


@pytest.fixture
def lines(app: Flask, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., list[Line]]]:
    """The lines since the last call, as production writes them; `lines("event")` only those."""

    def read(*events: str) -> list[Line]:
        said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        return [line for line in said if not events or line["event"] in events]

    logs.configure(is_production=True)
    yield read
    logs.configure(is_production=False)


# Form


def test_a_command_in_production_answers_on_stdout_and_logs_one_object_a_line_on_stderr(
    app: Flask, lines: object
) -> None:
    result = app.test_cli_runner().invoke(args=["user", "allow", NEW])
    assert result.stdout == "Grace.Hopper@new-client.example may sign up.\n"
    allow, end = [json.loads(line) for line in result.stderr.splitlines()]
    assert list(allow)[:4] == ["timestamp", "level", "event", "logger"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", allow["timestamp"])
    assert (allow["event"], allow["by"], allow["level"]) == ("user.allow", "command", "info")
    assert (end["event"], end["command"], end["exit_status"]) == ("command.ended", "user allow", 0)
    assert "hopper" not in result.stderr.casefold()


@pytest.mark.parametrize(("arguments", "status"), [(["current"], 0), (["upgrade", "nowhere"], 1)])
def test_a_command_of_migrations_logs_its_end_too(
    app: Flask, lines: object, arguments: list[str], status: int
) -> None:
    result = app.test_cli_runner().invoke(args=["db", *arguments])
    end = json.loads(result.stderr.splitlines()[-1])
    facts = (end["event"], end["command"], end["exit_status"])
    assert facts == ("command.ended", f"db {arguments[0]}", status)


def test_a_local_run_writes_readable_lines(
    app: Flask, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    token = db.write(lambda: identity.open_session(user(DORA).id, user_agent=""))
    assert token not in caplog.text
    (said,) = capsys.readouterr().err.splitlines()
    assert re.match(r"\d{4}-\S+Z \[info +\] session\.started +\[portal\.domain\.ident", said)
    assert f"by={user(DORA).id}" in said


def test_a_command_of_a_local_run_prints_only_its_answer(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["user", "allow", NEW])
    assert result.output == "Grace.Hopper@new-client.example may sign up.\n"


def test_gunicorn_writes_the_same_lines(lines: Callable[..., list[Line]]) -> None:
    config = Config()
    config.set("logger_class", runpy.run_path(str(ROOT / "deploy" / "gunicorn.conf.py"))["Logger"])
    logger = config.logger_class(config)
    logger.info("Booting worker with pid: %s", 7)
    try:
        int(NEW)
    except ValueError:
        logger.exception("Error handling request %s", f"/partner?search={NEW}")
    booting, fault = lines()
    assert (booting["event"], booting["logger"]) == ("Booting worker with pid: 7", "gunicorn.error")
    assert fault["event"] == "Error handling request %s"
    assert "ValueError" in fault["exception"]
    assert NEW not in json.dumps(fault)


@pytest.mark.parametrize("kind", KINDS)
def test_a_traceback_says_what_the_database_refused_but_not_the_value(
    app: Flask, lines: Callable[..., list[Line]]
) -> None:
    log = structlog.get_logger("test")
    for statement in (
        "UPDATE users SET email = :email, email_key = :email",
        "SELECT CAST(:email AS INTEGER) FROM nowhere",
        "SELECT CAST(:email AS INTEGER)",
    ):
        try:
            db.write(lambda: db.session.execute(text(statement), {"email": NEW}))  # noqa: B023
        except Exception:
            log.exception("test.failed")
    traces = [line["exception"] for line in lines()]
    assert re.search("(?i)unique", traces[0])
    assert "nowhere" in traces[1]
    for trace in traces:
        assert trace.startswith("Traceback (most recent call last):")
        assert 'tests/test_logs.py", line ' in trace
        assert "hopper" not in trace.casefold()


# IDs


def test_each_line_of_a_request_has_its_id(
    browser: Open, world: World, lines: Callable[..., list[Line]]
) -> None:
    visitor = browser()
    visitor.get("/sign-in")
    lines()
    visitor.submit("Sign in", email=DORA, password="wrong")
    first = lines()
    assert [line["event"] for line in first] == ["password.wrong", "request.refused"]
    visitor.submit("Sign in", email=DORA, password=PASSWORD)
    second = lines()
    assert [line["event"] for line in second] == ["session.started"]
    ids = [{line["request_id"] for line in some} for some in (first, second)]
    assert [len(each) for each in ids] == [1, 1]
    assert ids[0] != ids[1]
    assert structlog.contextvars.get_contextvars() == {}


def test_each_line_of_a_job_has_its_id(lines: Callable[..., list[Line]]) -> None:
    log = structlog.get_logger("test")
    with logs.bind_job("job1"):
        log.info("test.inside")
        logging.getLogger("smtplib").info("foreign")
    log.info("test.outside")
    assert [line.get("job_id") for line in lines()] == ["job1", "job1", None]


# After the commit


def test_steps_run_after_the_commit_and_not_if_their_unit_or_savepoint_is_rolled_back(
    app: Flask,
) -> None:
    ran: list[str] = []

    def unit(*, is_refused: bool) -> None:
        db.after_commit(lambda: ran.append("unit"))
        with suppress(ZeroDivisionError), db.savepoint():
            db.after_commit(lambda: ran.append("savepoint"))
            _ = 1 // 0
        assert ran == []
        if is_refused:
            raise Refused(Code.EMAIL_TAKEN)

    with pytest.raises(Refused):
        db.write(lambda: unit(is_refused=True))
    assert ran == []
    db.write(lambda: unit(is_refused=False))
    assert ran == ["unit"]


def test_a_step_that_fails_is_logged_and_undoes_nothing(lines: Callable[..., list[Line]]) -> None:
    ran: list[str] = []

    def unit() -> str:
        user(DORA).name = "Dora"
        db.after_commit(lambda: 1 // 0)
        db.after_commit(lambda: ran.append("next"))
        return "done"

    assert db.write(unit) == "done"
    assert ran == ["next"]
    assert db.read(lambda: user(DORA).name) == "Dora"
    (line,) = lines()
    assert (line["event"], line["level"]) == ("after_commit.failed", "error")
    assert "ZeroDivisionError" in line["exception"]


# What is logged


def test_a_change_is_logged_as_its_audit_line(
    world: World, lines: Callable[..., list[Line]]
) -> None:
    partner = db.session.get_one(BillingAccount, world.north)
    olga, address = actor(OLGA), values.email(DORA)
    db.write(lambda: team.add(partner, by=olga, address=address, role=AccountRole.VIEWER))
    (line,) = lines("access.grant")
    assert (line["by"], line["chain"], line["thing"]) == (olga.id, world.north, user(DORA).id)
    assert line["facts"] == {"role": AccountRole.VIEWER}


def test_each_session_that_ends_is_logged_with_who_ended_it_and_why(
    browser: Open, lines: Callable[..., list[Line]]
) -> None:
    first, _second, _third = browser(DORA), browser(DORA), browser(DORA)
    dora = user(DORA)
    started = lines("session.started")
    assert [line["by"] for line in started] == [dora.id] * 3
    first.get("/profile")
    first.submit("End all others")
    first.get("/console")
    first.submit("Sign out")
    browser(DORA)
    db.write(lambda: workflows.disable_user(dora, by=COMMAND, heir=user(OLGA)))
    ended = lines("session.ended")
    whys = ["end-others", "end-others", "sign-out", "disabled"]
    assert [(line["why"], line["user"]) for line in ended] == [(why, dora.id) for why in whys]
    assert [line["by"] for line in ended] == [dora.id] * 3 + ["command"]
    assert {line["session"] for line in started} == {line["session"] for line in ended[:3]}


def test_a_failed_sign_in_and_a_reached_limit_are_logged_with_their_network(
    browser: Open, lines: Callable[..., list[Line]]
) -> None:
    visitor = browser()
    visitor.get("/sign-in")
    for email in (*[DORA] * 11, NEW):
        visitor.submit("Sign in", email=email, password="wrong")
    *wrong, limit, unknown = lines("password.wrong", "rate_limit.reached")
    assert {(line["user"], line["endpoint"]) for line in wrong} == {(user(DORA).id, "auth.sign_in")}
    assert len(wrong) == 10
    assert (limit["event"], limit["level"]) == ("rate_limit.reached", "warning")
    assert limit["limit"] == "passwords of"
    assert unknown["user"] is None
    assert {line["network"] for line in (*wrong, limit, unknown)} == {"127.0.0.1"}


def test_a_refusal_is_logged_once_a_request_with_its_code(
    browser: Open, world: World, lines: Callable[..., list[Line]]
) -> None:
    partner, viewer = browser(OLGA), browser(VERA)
    add = f"/partner/{world.north}/customers/add"
    partner.get(add)
    partner.submit("Add", name="Carl & Sons", invitation_email=CARL, country="DE")
    viewer.get(add)
    taken, forbidden = lines("request.refused")
    assert (taken["code"], taken["action"], taken["by"]) == ("email-taken", None, user(OLGA).id)
    assert taken["endpoint"] == "partner.customers.add"
    assert (forbidden["code"], forbidden["action"]) == ("role-missing", "customer.add")
    assert forbidden["by"] == user(VERA).id


def test_a_request_past_the_gates_is_logged_with_who_tried(
    browser: Open, world: World, lines: Callable[..., list[Line]]
) -> None:
    partner = browser(OLGA)
    partner.get(f"/partner/{world.south}/customers")
    partner.get("/operator/work")
    partner.post("/sign-in", headers={"Origin": "https://evil.example"})
    facts = ("status", "method", "endpoint", "by")
    assert [tuple(line[fact] for fact in facts) for line in lines("request.rejected")] == [
        (404, "GET", "partner.customers.index", user(OLGA).id),
        (404, "GET", "operator.show_work", user(OLGA).id),
        (400, "POST", "auth.sign_in", None),
    ]
    partner.get("/wp-login.php")
    assert lines("request.rejected") == [], "nginx logs what leads nowhere"


def test_a_refused_command_is_logged_with_its_code_and_exit_status(
    app: Flask, lines: Callable[..., list[Line]]
) -> None:
    result = app.test_cli_runner().invoke(args=["user", "disable", OLGA])
    *said, error = result.stderr.splitlines()
    refused, ended = [json.loads(line) for line in said]
    assert (refused["event"], refused["code"]) == ("command.refused", "owns-alone")
    assert (ended["event"], ended["command"]) == ("command.ended", "user disable")
    assert (ended["exit_status"], error[:7], result.stdout) == (1, "Error: ", "")


def test_no_line_of_a_journey_holds_personal_data(
    browser: Open, world: World, capsys: pytest.CaptureFixture[str], lines: object
) -> None:
    partner, customer = browser(OLGA), browser()
    partner.get(f"/partner/{world.north}/customers/add")
    fields = {"invitation_email": NEW, "country": "GB", "phone": NEW_PHONE}
    partner.submit("Add", name="Grace & Co", **fields)
    customer.get(link_in(mails_to("Grace.Hopper@new-client.example")[-1]), follow_redirects=True)
    customer.click("Sign up")
    customer.submit("Sign up", name=NEW_NAME, email=NEW)
    customer.get(link_in(mails_to("Grace.Hopper@new-client.example")[-1]))
    customer.submit("Create account", password=PASSWORD, password_again=PASSWORD)
    customer.submit("Confirm")
    visitor = browser()
    visitor.get("/sign-in")
    visitor.submit("Sign in", email=NEW, password="a wrong password")
    grace, north = signed_in(NEW), db.session.get_one(BillingAccount, world.north)
    new_address = values.email("hopper@navy.example")
    db.write(lambda: identity.change_password(grace, password_hash=PASSWORD_HASH))
    grace = signed_in(NEW)
    db.write(lambda: identity.request_email_change(grace, new_address))
    change = identity.pending_email_change(grace)
    assert change is not None
    db.write(lambda: identity.change_email(grace, change.id))
    db.write(
        lambda: team.add(north, by=actor(OLGA), address=values.email(SAM), role=AccountRole.VIEWER)
    )
    said = capsys.readouterr().err
    events = {json.loads(line)["event"] for line in said.splitlines()}
    assert events >= {
        *("customer.add", "user.create", "invitation.accept", "session.started", "session.ended"),
        *("password.wrong", "request.refused", "user.change_password", "user.change_email"),
        "access.grant",
    }
    personal = ["@", "hopper", "grace", "new-client", "navy.example", NEW_PHONE[3:]]
    for value in (*personal, *NAMES.values(), PASSWORD, PASSWORD_HASH):
        assert value.casefold() not in said.casefold()


# Inventory


def logged_events() -> set[str]:
    """The events in the code; `<action>` for one that is no literal."""
    events = set()
    for path in (*(ROOT / "portal").rglob("*.py"), ROOT / "deploy" / "gunicorn.conf.py"):
        source = path.read_text()
        if "structlog.get_logger" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            arguments = _arguments_of_log(node)
            if arguments:
                event = arguments[0]
                events.add(event.value if isinstance(event, ast.Constant) else "<action>")
    return events


def _arguments_of_log(node: ast.AST) -> list[ast.expr]:
    """The arguments of `log.info(…)`, also in `partial(log.info, …)`; none for another node."""
    if not isinstance(node, ast.Call):
        return []
    called = [node.func, *node.args[:1]]
    for number, each in enumerate(called):
        if isinstance(each, ast.Attribute) and getattr(each.value, "id", "") == "log":
            return node.args[number + (each.attr == "log") :]  # log.log(level, …)
    return []


def test_the_inventory_in_the_documentation_is_the_events_in_the_code() -> None:
    documentation = (ROOT / "docs" / "operations.md").read_text()
    table = documentation.partition("<!-- events -->")[2].partition("<!-- /events -->")[0]
    assert set(re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)) == logged_events()

"""The states of the operator's pages."""

from __future__ import annotations

from playwright.sync_api import Page

from portal.demo.people import INGRID, MAREK, NOOR, PIET
from tests.support.page_paths import (
    Step,
    click,
    reload_until,
    send,
    send_invalid,
    submit,
    upload_usage,
)
from tests.support.page_states import state
from tests.support.tour import PageState


def people(name: str, endpoint: str, *steps: Step) -> PageState:
    """The state that the operator's page *People* has after the steps."""
    return state(name, f"operator.{endpoint}", INGRID, "/operator/people", *steps)


ADD_CONNECTION, SECRET = "/operator/connections/add", "whsec_" + "QUJD" * 8


def usage(name: str, endpoint: str, path: str = "", *steps: Step) -> PageState:
    """The state that a page of the operator's *Usage* has after the steps."""
    return state(name, f"operator.{endpoint}", INGRID, f"/operator/usage{path}", *steps)


def months(name: str, endpoint: str, path: str = "", *steps: Step) -> PageState:
    """The state that a page of the operator's *Months* has after the steps."""
    return state(name, f"operator.{endpoint}", INGRID, f"/operator/months{path}", *steps)


ADD_SOURCE = send(name="Vendor", mode="overwrite")


TO_ASSIGN = (
    click("[name=skip_bad_rows]"),
    submit("dl"),
    click("nav.tabs [href$='/usage']"),
    click("[href$='/assign']", "main form"),
)


def to_unassign(page: Page) -> None:
    """From *Assign* to *Unassign* of the same key."""
    page.goto(page.url.replace("/assign", "/unassign"))


def partners(name: str, endpoint: str, path: str = "", *steps: Step) -> PageState:
    """The state that a page of the operator's *Partners* has after the steps."""
    return state(name, f"operator.{endpoint}", INGRID, f"/operator/partners{path}", *steps)


TIDEWATER = click("main a >> text=Tidewater Systems")
DISABLED = (send(email=MAREK), click("#actions"), click("[href$=disable]"), send(heir=INGRID))
FIND_PIET, BLOCK = send(email=PIET), click("[href$='/block']")


OPERATOR = [
    state("operator-home", "operator.home", INGRID, "/operator"),
    state("operator-work", "operator.show_work", INGRID, "/operator/work"),
    state("operator-failed", "operator.show_jobs", INGRID, "/operator/work/mail?state=failed"),
    state("operator-parked", "operator.show_jobs", INGRID, "/operator/work/mail?state=parked"),
    state("operator-upkeep", "operator.show_jobs", INGRID, "/operator/work/upkeep"),
    state("operator-no-jobs", "operator.show_jobs", INGRID, "/operator/work/imports?state=failed"),
    state("operator-run-again", "operator.run_again", INGRID, "{job}/run-again"),
    state("operator-cancel", "operator.cancel", INGRID, "{job}/cancel"),
    state("operator-arrived", "operator.arrived", INGRID, "{unknown_job}/arrived"),
    state("operator-not-arrived", "operator.not_arrived", INGRID, "{unknown_job}/not-arrived"),
    state("operator-connection-test", "operator.test_connection", INGRID, "{connection}/test"),
    state(
        "operator-connection",
        "operator.show_connection",
        INGRID,
        "{connection}/test",
        submit("#connection"),
        reload_until("", "#test"),
    ),
    state(
        "operator-connection-change", "operator.change_connection", INGRID, "{connection}/change"
    ),
    state(
        "operator-connection-faulty",
        "operator.show_connection",
        INGRID,
        f"{ADD_CONNECTION}/webhook",
        send("#connection", name="Own racks", url="http://10.0.0.5:8099", secret=SECRET),
        click("a[href$='/test']"),
        submit("#connection"),
        reload_until("", "#test"),
    ),
    state("operator-connections", "operator.show_connections", INGRID, "/operator/connections"),
    state(
        "operator-connection-default",
        "operator.make_default",
        INGRID,
        "{connection}/make-default",
    ),
    state("operator-connection-close", "operator.close_connection", INGRID, "{connection}/close"),
    state(
        "operator-connection-add",
        "operator.add_connection",
        INGRID,
        f"{ADD_CONNECTION}/webhook",
        send_invalid(name="Own racks", url="racks.example", secret="hunter2"),
    ),
    state(
        "operator-connection-add-openstack",
        "operator.add_connection",
        INGRID,
        f"{ADD_CONNECTION}/openstack",
    ),
    state(
        "operator-connection-add-lxd",
        "operator.add_connection",
        INGRID,
        f"{ADD_CONNECTION}/lxd",
        send_invalid(name="Racks", fingerprint="12:34", client_certificate="no", secret_key="no"),
    ),
    state("operator-carried-out", "operator.carried_out", INGRID, "{to_carry_out}/done"),
    state("operator-cannot", "operator.cannot_carry_out", INGRID, "{to_carry_out}/fault"),
    state("operator-to-carry-out", "operator.show_to_carry_out", INGRID, "/operator/to-carry-out"),
    state("operator-fetch-usage", "operator.fetch_usage", INGRID, "{connection}/fetch-usage"),
    state("operator-rates", "operator.set_rates", INGRID, "{connection}/rates"),
    usage("operator-usage", "show_usage"),
    usage("operator-usage-source", "add_usage_source", "/sources/add"),
    usage("operator-usage-upload", "upload_usage", "/upload"),
    usage("operator-usage-delivery", "show_delivery", "/sources/add", ADD_SOURCE, upload_usage),
    usage("operator-usage-upload-missing", "upload_usage", "/upload", send_invalid()),
    state("operator-usage-publish", "operator.publish_delivery", INGRID, "{delivery}/publish"),
    state("operator-usage-discard", "operator.discard_delivery", INGRID, "{delivery}/discard"),
    state("operator-usage-remove", "operator.remove_delivery", INGRID, "{delivery}/remove"),
    state("operator-usage-assign", "operator.assign_key", INGRID, "{delivery}/publish", *TO_ASSIGN),
    state(
        "operator-usage-unassign",
        "operator.unassign_key",
        INGRID,
        "{delivery}/publish",
        *TO_ASSIGN,
        to_unassign,
    ),
    state("operator-usage-published", "operator.show_delivery", INGRID, "{delivery}"),
    usage("operator-usage-unassigned", "show_usage"),
    months("operator-month-finalise", "finalise_month", "/2026-02/finalise"),
    months("operator-month-stop", "stop_month", "/2026-02/stop"),
    months("operator-month-not-over", "close_month", "/2126-02/close", send_invalid()),
    months("operator-months", "show_months"),
    months("operator-month", "show_month", "/2026-01"),
    usage("operator-usage-invoice", "record_invoice", "/invoices/record", send_invalid(amount="x")),
    people("operator-people", "show_people"),
    people("operator-people-nobody", "show_people", send_invalid(email="nobody@a.example")),
    people("operator-person", "show_person", FIND_PIET),
    people("operator-end-sessions", "end_sessions", send(email=INGRID), click("[href$=-sessions]")),
    people("operator-block", "block", FIND_PIET, BLOCK),
    people("operator-blocked", "show_person", FIND_PIET, BLOCK, send(reason="stolen")),
    people("operator-people-blocked", "show_people"),
    people(
        "operator-unblock",
        "unblock",
        *(send(email=NOOR), BLOCK, send(reason="left"), click("[href$='/unblock']")),
    ),
    people("operator-disable", "disable", FIND_PIET, click("#actions"), click("[href$=disable]")),
    people("operator-enable", "enable", *DISABLED, click("#actions"), click("[href$=enable]")),
    people("operator-appoint", "appoint", FIND_PIET, click("#actions"), click("[href$=appoint]")),
    people("operator-allow", "allow", click("[href$=allow]"), send_invalid(email="x")),
    state("operator-installation", "operator.show_installation", INGRID, "/operator/installation"),
    partners("operator-partners", "show_partners"),
    partners("operator-no-partner", "show_partners", "?q=nobody"),
    partners("operator-partner", "show_partner", "", TIDEWATER),
    partners("operator-partner-make", "make_partner", "/make", send_invalid(email="x", name="")),
    partners("operator-partner-revoke", "revoke_partner", "", TIDEWATER, click("[href$=revoke]")),
    state("operator-feedback", "operator.show_feedback", INGRID, "/operator/feedback"),
]

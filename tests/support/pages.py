"""The states of every page: who sees each, and the path to it.

The order matters: states that change the demo come after those that show it unchanged."""

from __future__ import annotations

from playwright.sync_api import Page

from portal.demo.people import CARL, EDDIE, INGRID, NOOR, OLGA, PIET, SAM, TINA, VERA
from tests.support.claim_states import CLAIMS, NINA
from tests.support.page_paths import (
    WAITING,
    Step,
    begin_import,
    choose_cloud,
    choose_file,
    click,
    end_session,
    open_dialog,
    open_mailed_link,
    open_menu,
    reload_until,
    send,
    send_invalid,
    send_without_token,
    submit,
    upload_usage,
)
from tests.support.page_states import state
from tests.support.tour import PageState, Tour

NEWCOMER = {"name": "Mira Vahl", "email": "mira.vahl@fernhollow.example"}
NEW_EMAIL = {"email": "tina.roux@saltmarsh.example"}

LONG_WORD = "Königlich-Niederländische-Vereinigte-Binnenschifffahrtsgesellschaft"

WITHOUT_PAGE = {
    "static": "files",
    "health": "for monitoring",
    "ready": "for monitoring",
    "metrics": "for monitoring",
    "operator.download_audit_heads": "a file",
    "operator.download_bad_rows": "a file",
    "operator.usage_template": "a file",
    "front": "redirects to the partner portal or the console",
    "partner.activity.export": "a file",
    "partner.customers.changes": "fragments of the list, for live updates",
    "partner.customers.export": "a file",
    "partner.customers.failed_rows": "a file",
    "partner.customers.import_template": "a file",
    "partner.customers.now": "fragments of a customer's page, for live updates",
}
"""Endpoints that answer GET without a page, and what they answer."""


def confirm(name: str, path: str, *steps: Step) -> PageState:
    """The state that *Confirm that it is you* has after the steps."""

    def navigate(tour: Tour, page: Page) -> None:
        tour.make_sign_in_old(VERA)
        page.goto(path)
        for step in steps:
            step(page)

    return PageState(name, "confirm.show", VERA, navigate)


def people(name: str, endpoint: str, *steps: Step) -> PageState:
    """The state that the operator's page *People* has after the steps."""
    return state(name, f"operator.{endpoint}", INGRID, "/operator/people", *steps)


ADD_CONNECTION, SECRET = "/operator/connections/add", "whsec_" + "QUJD" * 8


def usage(name: str, endpoint: str, path: str = "", *steps: Step) -> PageState:
    """The state that a page of the operator's *Usage* has after the steps."""
    return state(name, f"operator.{endpoint}", INGRID, f"/operator/usage{path}", *steps)


ADD_SOURCE = send(name="Vendor", mode="overwrite")
TO_ASSIGN = (
    click("[name=skip_bad_rows]"),
    submit("dl"),
    click("nav.tabs [href$='/usage']"),
    click("[href$='/assign']", "main form"),
)
FIND_PIET, BLOCK = send(email=PIET), click("[href$='/block']")
LIST, ADD, IMPORT = "{partner}/customers", "{partner}/customers/add", "{partner}/customers/import"
INVALID = {"invitation_email": "nobody", "country": "DE", "tin": "12", "phone": "x"}
LONG_CUSTOMER = {
    "name": f"{LONG_WORD} 🚢 شركة البحر الشمالي",
    "invitation_email": f"{LONG_WORD[-36:].lower()}@{'a-very-long-name.' * 2}example",
    "country": "NL",
}


LINK = click(".tile a[data-dialog]", "#dialog .picker input"), choose_cloud
PUBLIC = [
    state("sign-in", "auth.sign_in", "", "/sign-in"),
    state("sign-in-wrong", "auth.sign_in", "", "/sign-in", send_invalid(email=OLGA, password="x")),
    state("sign-in-carrying", "auth.sign_in", VERA, "/profile", end_session, submit()),
    state("sign-in-as-someone-else", "auth.sign_in", VERA, "/sign-in?switch=1"),
    confirm("confirm", "/profile/email"),
    confirm("confirm-wrong", "/profile/email", send_invalid(password="x")),
    confirm("confirm-form", "/sign-in/confirm?next=/profile/email?kept=x"),
    state("sign-up", "auth.sign_up", "", "/sign-up"),
    state("sign-up-faults", "auth.sign_up", "", "/sign-up", send_invalid()),
    state("sign-up-closed", "auth.sign_up", "", "{broken}/sign-up"),
    state("sign-up-sent", "auth.sign_up_sent", "", "/sign-up", send(**NEWCOMER)),
    state("verify", "auth.verify", "", "/mailbox", open_mailed_link("/verify/")),
    state("verify-over", "auth.verify", "", "/verify/none", status=404),
    state("forgot", "password_reset.ask", "", "/forgot"),
    state("forgot-sent", "password_reset.sent", "", "/forgot", send(email=TINA)),
    state("forgot-choose", "password_reset.choose", "", "/mailbox", open_mailed_link("/forgot/")),
    state("forgot-over", "password_reset.choose", "", "/forgot/none", status=404),
    state("mailbox", "mailbox.index", "", "/mailbox"),
    state("mailbox-empty", "mailbox.index", "", "{broken}/mailbox"),
    state("mailbox-mail", "mailbox.show", "", "{letter}"),
]
HELP = [
    state("help", "help.index", "", "/help"),
    state("help-page", "help.show", "", "{guide}"),
    state("help-not-helpful", "help.show", VERA, "{guide}", click(".feedback-answers summary")),
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
    usage("operator-usage", "show_usage"),
    usage("operator-usage-source", "add_usage_source", "/sources/add"),
    usage("operator-usage-upload", "upload_usage", "/upload"),
    usage("operator-usage-delivery", "show_delivery", "/sources/add", ADD_SOURCE, upload_usage),
    usage("operator-usage-upload-missing", "upload_usage", "/upload", send_invalid()),
    state("operator-usage-publish", "operator.publish_delivery", INGRID, "{delivery}/publish"),
    state("operator-usage-discard", "operator.discard_delivery", INGRID, "{delivery}/discard"),
    state("operator-usage-remove", "operator.remove_delivery", INGRID, "{delivery}/remove"),
    state("operator-usage-assign", "operator.assign_key", INGRID, "{delivery}/publish", *TO_ASSIGN),
    state("operator-usage-published", "operator.show_delivery", INGRID, "{delivery}"),
    usage("operator-usage-unassigned", "show_usage"),
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
    state("operator-feedback", "operator.show_feedback", INGRID, "/operator/feedback"),
]
ACCOUNT = [
    state("profile", "profile.show", OLGA, "/profile"),
    state("profile-email", "profile.email", OLGA, "/profile/email"),
    state("profile-password", "profile.password", OLGA, "/profile/password"),
    state("profile-password-wrong", "profile.password", OLGA, "/profile/password", send_invalid()),
    state("profile-email-asked", "profile.show", TINA, "/profile/email", send(**NEW_EMAIL)),
    state(
        "profile-confirm",
        "profile.confirm_email",
        TINA,
        "/mailbox",
        open_mailed_link("/profile/email/"),
    ),
    state("profile-over", "profile.confirm_email", TINA, "/profile/email/none", status=404),
    state("notices", "notifications.index", OLGA, "/notices"),
    state("notices-none", "notifications.index", TINA, "/notices"),
    state("notices-choose", "notifications.choose", OLGA, "/notices/choose"),
    state("account-menu", "notifications.index", OLGA, "/notices", open_menu(".who")),
]
LISTS = [
    state("customers", "customers.index", OLGA, LIST),
    state("customers-waiting", "customers.index", OLGA, f"{LIST}?status={WAITING}"),
    state("customers-no-match", "customers.index", OLGA, f"{LIST}?q=nothing-like-it"),
    state("customers-viewer", "customers.index", VERA, f"{LIST}?manager=none&sort=oldest"),
    state("customers-managers", "customers.index", OLGA, LIST, open_menu(".managers")),
    state("customers-trial", "customers.index", TINA, LIST),
    state("first-steps", "customers.first_steps_page", OLGA, f"{LIST}/first-steps"),
    state("customers-acceptance", "customers.acceptance", OLGA, f"{LIST}/acceptance"),
    state("customers-acceptance-none", "customers.acceptance", TINA, f"{LIST}/acceptance"),
    state("views-none", "customers.views", OLGA, f"{LIST}/views"),
    state("view-save", "customers.save_view", OLGA, f"{LIST}/views/save?status=Suspended"),
    state("view-saved", "customers.index", OLGA, f"{LIST}/views/save?q=GmbH", send(name="GmbH")),
    state("views", "customers.views", OLGA, f"{LIST}/views"),
    state("view-rename", "customers.rename_view", OLGA, "{view}"),
    state("import", "customers.upload", EDDIE, IMPORT),
    state("import-faults", "customers.upload", EDDIE, IMPORT, send_invalid()),
    state("import-checked", "customers.show_import", EDDIE, IMPORT, choose_file, submit("#begin")),
    state("import-over", "customers.show_import", EDDIE, "{import}", begin_import),
    state("import-uploaded", "customers.upload", EDDIE, IMPORT),
    state("activity", "activity.index", OLGA, "{partner}/activity"),
    state("activity-none", "activity.index", OLGA, "{partner}/activity?customer=nothing-like-it"),
]
ONE_CUSTOMER = [
    state("new-customer", "customers.add", OLGA, ADD),
    state("new-customer-faults", "customers.add", OLGA, ADD, send_invalid(**INVALID)),
    state("new-customer-added", "customers.show", EDDIE, ADD, send("#invitation", **LONG_CUSTOMER)),
    state("customer-waiting", "customers.show", OLGA, "{waiting}"),
    state("customer-refused", "customers.show", OLGA, "{refused}"),
    state("customer-failed", "customers.show", OLGA, "{failed}"),
    state("customer-unknown", "customers.show", OLGA, "{unknown}"),
    state("customer-active", "customers.show", OLGA, "{noted}"),
    state("customer-viewer", "customers.show", VERA, "{suspended}"),
    state("customer-suspended", "customers.show", OLGA, "{suspended}"),
    state("customer-declined", "customers.show", OLGA, "{declined}"),
    state("customer-menu", "customers.show", OLGA, "{active}", open_menu(".page-head")),
    state("customer-clouds", "customers.clouds", OLGA, "{linked}/clouds"),
    state("customer-clouds-waiting", "customers.clouds", OLGA, "{waiting}/clouds"),
    state("customer-clouds-closed", "customers.clouds", OLGA, "{declined}/clouds"),
    state("customer-create-cloud", "customers.create_cloud", OLGA, "{active}/clouds/create"),
    state("customer-no-cloud", "customers.create_cloud", OLGA, "{waiting}/clouds/create"),
    state("customer-notes", "customers.notes", EDDIE, "{noted}/notes"),
    state("customer-notes-none", "customers.notes", VERA, "{cyrillic}/notes"),
    state("customer-delete-note", "customers.delete_note", EDDIE, "{note}"),
    state("customer-history", "customers.history", OLGA, "{suspended}/history"),
    state("customer-edit", "customers.edit", OLGA, "{noted}/edit"),
    state("customer-send-again", "customers.send_again", OLGA, "{failed}/send-again"),
    state("customer-correct", "customers.correct_address", OLGA, "{refused}/correct-address"),
    state("customer-suspend", "customers.suspend", OLGA, "{active}/suspend"),
    state("customer-suspend-dialog", "customers.show", OLGA, "{active}", open_dialog("suspend")),
    state("customer-resume", "customers.resume", OLGA, "{suspended}/resume"),
    state("customer-remove", "customers.remove", OLGA, "{waiting}/remove"),
    state("customer-end", "customers.end_partnership", OLGA, "{active}/end-partnership"),
]
TEAM = [
    state("team", "team.index", OLGA, "{partner}/team"),
    state("team-viewer", "team.index", VERA, "{partner}/team"),
    state("team-add", "team.add", OLGA, "{partner}/team/add"),
    state("team-change", "team.change", OLGA, "{member}/change"),
    state("team-remove", "team.remove", OLGA, "{member}/remove"),
    state("team-coming", "team.index", SAM, "{partner}/team/add", send("#staff", email=VERA)),
]
CONSOLE = [
    state("console-partner", "console.home", OLGA, "/console"),
    state("console-no-match", "console.home", OLGA, "/console?q=nothing-like-it"),
    state("console-customer", "console.home", NINA, "/console"),
    state("console-invited", "console.home", CARL, "/console"),
    state("console-empty", "console.home", INGRID, "/console"),
    state("console-create-cloud", "clouds.create", NINA, "/console/clouds/create"),
    state("cloud", "clouds.show", NINA, "{cloud}"),
    state("cloud-rename", "clouds.rename", NINA, "{cloud}/rename"),
    state("cloud-close", "clouds.close", NINA, "{cloud}/close"),
    state("cloud-close-wrong", "clouds.close", NINA, "{cloud}/close", send_invalid(name="x")),
    state("folder-rename", "clouds.rename_folder", NINA, "{folder}"),
    state("access", "access.index", NINA, "{cloud}/access"),
    state("access-partner", "access.index", OLGA, "{cloud}/access"),
    state("access-add", "access.add", NINA, "{cloud}/access/add"),
    state("access-change", "access.change", NINA, "{holder}/change"),
    state("access-revoke", "access.revoke", NINA, "{holder}/revoke"),
    state("access-revoke-partner", "access.revoke_partner", NINA, "{revoke_partner}"),
    state("access-explain", "access.explain", NINA, f"{{cloud}}/access/explain?email={OLGA}"),
    state("billing", "billing.index", CARL, "/console/billing"),
    state("billing-partner", "billing.index", OLGA, "/console/billing"),
    state("account-trial", "billing.show", CARL, "{account}"),
    state("account-partner", "billing.show", OLGA, "{account}"),
    state("account-subaccount", "billing.show", NINA, "{subaccount}"),
    state("switch-to-paid", "billing.switch_to_paid", CARL, "{account}/switch-to-paid"),
    state("invitation", "invites.show", CARL, "{invitation}"),
    state("invitation-confirmed", "invites.show", NINA, "/invite/accept/{confirmed}"),
    state("invitation-none", "invites.show", NINA, "/invite/accept/none", status=404),
    state("invitation-own-customers", "invites.show", OLGA, "{invited}", status=403),
    state("console-confirmed", "console.home", CARL, "{invitation}", submit(".flashes")),
    state("link-page", "linking.link", CARL, "{subaccount}/link", choose_cloud),
    state("link-nothing", "linking.link", NINA, "{subaccount}/link"),
    state("link-reasons", "linking.link", OLGA, "{customers_account}/link"),
    state("link-dialog", "console.home", CARL, "/console", open_menu(".tile"), *LINK),
    state("cloud-accesses", "clouds.show", NINA, "{shop}"),
    state("access-carried-out", "access.index", NINA, "{shop}/access"),
    state("access-last-role", "access.index", OLGA, "{customers_cloud}/access"),
    state("accesses-get", "accesses.get", NINA, "{shop}/accesses/get"),
    state("accesses-withdraw", "accesses.withdraw", NINA, "{access_used}/withdraw"),
    state("accesses-show", "accesses.show", NINA, "{access_ready}/show"),
    state(
        "accesses-secret",
        "accesses.show",
        NINA,
        "{access_ready}/show",
        send(".secret"),
    ),
    state("cloud-creating", "clouds.show", NINA, "{shop_creating}"),
    state("cloud-failed", "clouds.show", NINA, "{shop_failed}"),
    state("cloud-resuming", "clouds.show", NINA, "{shop_resuming}"),
    state("cloud-closing", "clouds.show", NINA, "{shop_closing}"),
    state("cloud-menu", "clouds.show", NINA, "{shop_ready}", open_menu(".page-head")),
    state("cloud-explain", "access.explain", NINA, f"{{shop}}/access/explain?email={NINA}"),
    state("cloud-revoke", "access.revoke", NINA, "{holder}/revoke"),
    state("cloud-revoke-stop", "access.revoke", NINA, "{own_role}"),
    state("cloud-lost-lxd", "access.index", NINA, "{shop_lxd}/access"),
]
GIVE_NOTICE = "{active}/give-notice"
ENDING = [
    state("ending-give", "customers.give_notice", OLGA, GIVE_NOTICE),
    state(
        "ending-give-short", "customers.give_notice", OLGA, GIVE_NOTICE, send_invalid(ends_on="")
    ),
    state("ending-give-dialog", "customers.show", OLGA, "{active}", open_dialog("give-notice")),
    state("ending-customer", "customers.show", OLGA, GIVE_NOTICE, submit()),
    state("ending-clouds", "customers.clouds", OLGA, "{active}/clouds"),
    state("ending-history", "customers.history", OLGA, "{active}/history"),
    state("ending-list", "customers.index", OLGA, f"{LIST}?status=Active"),
    state("ending-home", "console.home", NINA, "/console"),
    state("ending-billing", "billing.index", NINA, "/console/billing"),
    state("ending-account", "billing.show", NINA, "{subaccount}"),
    state("ending-cloud", "clouds.show", NINA, "{cloud}"),
    state("ending-explain", "access.explain", NINA, f"{{cloud}}/access/explain?email={OLGA}"),
    state("ending-link", "linking.link", NINA, "{subaccount}/link"),
    state("ending-invitation", "invites.show", NINA, "/invite/accept/{confirmed}"),
    state("ending-notices", "notifications.index", NINA, "/notices"),
    state("ending-withdraw", "customers.withdraw_notice", OLGA, "{active}/withdraw-notice"),
]
OTHER = [
    state("partner-none", "partner.choose", CARL, "/partner", status=403),
    state(
        "partner-choose", "partner.choose", VERA, "/partner", reload_until("/partner", "main dt")
    ),
    state("error-400", "", "", "/sign-in?%00", status=400),
    state("error-403", "team.add", VERA, "{partner}/team/add", status=403),
    state("error-404", "", OLGA, "/nothing-here", status=404),
    state("error-405", "", OLGA, "/sign-out", status=405),
    state("error-422", "", OLGA, "/profile", send_without_token, status=422),
    state("error-500", "password_reset.ask", "", "{broken}/forgot", send(email=TINA), status=500),
]
DOWN = [
    state("down-cloud", "clouds.show", NINA, "{shop_down}"),
    state("down-home", "console.home", NINA, "/console"),
    state("down-account", "billing.show", NINA, "{subaccount}"),
    state("down-link", "linking.link", NINA, "{subaccount}/link"),
    state("down-customer", "customers.clouds", OLGA, "{active}/clouds"),
]
EXTRA_STATES = {
    *(
        "sign-up-faults",
        "profile-email-asked",
        "account-menu",
        "customers-no-match",
        "customers-trial",
        "view-saved",
    ),
    *("cloud-accesses", "access-carried-out", "accesses-secret"),
    *("customer-refused", "customer-active", "customer-suspend-dialog", "help-not-helpful"),
    *("console-invited", "invitation-none", "console-confirmed", "link-reasons", "error-404"),
}
"""States that `make test` opens beside the first of each endpoint: they look different, or a later
state depends on them."""


def first_states() -> list[PageState]:
    """The first state of each endpoint, and the extra states."""
    first = {state.endpoint: state for state in reversed(STATES)}
    return [
        state for state in STATES if state is first[state.endpoint] or state.name in EXTRA_STATES
    ]


STATES = [
    *PUBLIC,
    *HELP,
    *ACCOUNT,
    *LISTS,
    *ONE_CUSTOMER,
    *TEAM,
    *CONSOLE,
    *CLAIMS,
    *ENDING,
    *OTHER,
    *DOWN,
]

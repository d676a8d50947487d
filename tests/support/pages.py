"""The states of every page: who sees each, and the path to it.

The order matters: states that change the demo come after those that show it unchanged."""

from __future__ import annotations

from playwright.sync_api import Page

from portal.demo.people import CARL, EDDIE, OLGA, SAM, TINA, VERA
from tests.support.claim_states import CLAIMS, NINA
from tests.support.console_states import CONSOLE, ENDING
from tests.support.operator_states import OPERATOR
from tests.support.page_paths import (
    WAITING,
    Step,
    begin_import,
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
)
from tests.support.page_states import state
from tests.support.statement_pages import path_of
from tests.support.tour import PageState, Tour
from tests.support.usage_states import USAGE

NEWCOMER = {"name": "Mira Vahl", "email": "mira.vahl@fernhollow.example"}
NEW_EMAIL = {"email": "tina.roux@saltmarsh.example"}

LONG_WORD = "Königlich-Niederländische-Vereinigte-Binnenschifffahrtsgesellschaft"

WITHOUT_PAGE = {
    "static": "files",
    "console.logos.show": "a picture",
    "health": "for monitoring",
    "ready": "for monitoring",
    "metrics": "for monitoring",
    "operator.download_audit_heads": "a file",
    "operator.download_bad_rows": "a file",
    "operator.usage_template": "a file",
    "console.statements.download": "a file",
    "partner.statements.download": "a file",
    "partner.statements.export": "a file",
    "front": "redirects to the partner portal or the console",
    "partner.activity.export": "a file",
    "partner.usage.export": "a file",
    "partner.customers.export_usage": "a file",
    "console.usage.export": "a file",
    "console.usage.payers": "a file",
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


LIST, ADD, IMPORT = "{partner}/customers", "{partner}/customers/add", "{partner}/customers/import"
INVALID = {"invitation_email": "nobody", "country": "DE", "tin": "12", "phone": "x"}
LONG_CUSTOMER = {
    "name": f"{LONG_WORD} 🚢 شركة البحر الشمالي",
    "invitation_email": f"{LONG_WORD[-36:].lower()}@{'a-very-long-name.' * 2}example",
    "country": "NL",
}


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
FIRM = [
    state("prices-none", "partner.prices.index", SAM, "{partner}/prices"),
    state("prices-viewer", "partner.prices.index", VERA, "{partner}/prices"),
    state("prices-set-rate", "partner.prices.set_rate", OLGA, "{partner}/prices/set-rate"),
    state("prices-publish", "partner.prices.publish", OLGA, "{partner}/prices/publish"),
    state("prices-withdraw", "partner.prices.withdraw", OLGA, "{partner}/prices/withdraw"),
    state(
        "prices-faults",
        "partner.prices.set_rate",
        OLGA,
        "{partner}/prices/set-rate",
        send_invalid(percent="much"),
    ),
    state(
        "prices",
        "partner.prices.index",
        OLGA,
        "{partner}/prices/set-rate",
        send(percent="12.5"),
    ),
    state("statements-none", "partner.statements.index", SAM, "{partner}/statements"),
    state("statements", "partner.statements.index", OLGA, "{statements}"),
    state(
        "statements-release-all",
        "partner.statements.release_all",
        OLGA,
        "{statements}",
        click(".page-head .next a", ".centred"),
    ),
    state(
        "statements-customer",
        "partner.statements.index",
        OLGA,
        "{active}/clouds",
        click("a[href*='statements?customer=']", "h1"),
    ),
    state("statement-draft", "partner.statements.show", OLGA, path_of(2)),
    state("statement-customers", "partner.statements.show", OLGA, path_of(1)),
    state(
        "statement-missing-prices",
        "partner.statements.set_missing_prices",
        OLGA,
        f"{path_of(2)}/set-missing-prices",
    ),
    state("statement-release", "partner.statements.release", OLGA, f"{path_of(2)}/release"),
    state(
        "statement-held",
        "partner.statements.release",
        OLGA,
        f"{path_of(2)}/release",
        send_invalid(),
    ),
    state("account-statements", "console.statements.index", OLGA, "{own_statements}"),
    state("account-statement", "console.statements.show", OLGA, path_of(0, "/console/statements")),
    state("firm", "partner.profile.edit", OLGA, "{partner}/profile"),
    state("firm-none", "partner.profile.edit", SAM, "{partner}/profile"),
    state(
        "firm-faults",
        "partner.profile.edit",
        SAM,
        "{partner}/profile",
        send_invalid(country="DE", tin="12", phone="x", number_prefix="A B"),
    ),
    state("firm-logo", "partner.profile.set_logo", OLGA, "{partner}/profile/logo"),
    state(
        "firm-logo-faults",
        "partner.profile.set_logo",
        OLGA,
        "{partner}/profile/logo",
        send_invalid(),
    ),
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
    *OPERATOR,
    *ACCOUNT,
    *LISTS,
    *ONE_CUSTOMER,
    *TEAM,
    *FIRM,
    *CONSOLE,
    *USAGE,
    *CLAIMS,
    *ENDING,
    *OTHER,
    *DOWN,
]

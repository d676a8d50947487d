"""Every page that people see, in its interesting states: who sees it, and the way there.

The order matters a little: what changes the demonstration stands after what shows it unchanged."""

from __future__ import annotations

from playwright.sync_api import Page

from portal.demo.people import CARL, EDDIE, INGRID, OLGA, PASSWORD, SAM, TINA, VERA
from tests.support.page_paths import (
    WAITING,
    Step,
    asked,
    begin,
    choose,
    click,
    end_session,
    faulty,
    mailed,
    menu,
    patiently,
    send,
    send_without_token,
    submit,
    upload,
)
from tests.support.tour import Shown, Tour

NINA = "nina@quillmoor.example"
NEWCOMER = {"name": "Mira Vahl", "email": "mira.vahl@fernhollow.example"}
NEW_EMAIL = {"email": "tina.roux@saltmarsh.example", "password": PASSWORD}

LONG = "Königlich-Niederländische-Vereinigte-Binnenschifffahrtsgesellschaft"

WITHOUT_PAGE = {
    "static": "files",
    "health": "for a program that watches the server",
    "operator.home": "leads on to what is said of the guide",
    "front": "leads on to the partner portal or the console",
    "partner.activity.export": "a file",
    "partner.customers.changes": "parts of the list, for a script that follows",
    "partner.customers.export": "a file",
    "partner.customers.failed_rows": "a file",
    "partner.customers.import_template": "a file",
    "partner.customers.now": "parts of a customer's page, for a script that follows",
}
"""What answers GET and shows no page."""
ABOVE = {
    **dict.fromkeys(("customers", "team", "activity"), "partner."),
    **dict.fromkeys(("access", "billing", "clouds", "linking"), "console."),
}


def shown(name: str, endpoint: str, who: str, path: str, *steps: Step, status: int = 200) -> Shown:
    """A page whose way is an address, and then what one does there."""

    def go(tour: Tour, page: Page) -> None:
        page.goto(tour.address(page, path))
        for step in steps:
            step(page)

    above = ABOVE.get(endpoint.partition(".")[0], "")
    return Shown(name, above + endpoint, who, go, status)


ALL, ADD, IMPORT = "{partner}/customers", "{partner}/customers/add", "{partner}/customers/import"
FAULTY = {"invitation_email": "nobody", "country": "DE", "tin": "12", "phone": "x"}
LONG_RECORD = {
    "name": f"{LONG} 🚢 شركة البحر الشمالي",
    "invitation_email": f"{LONG[-36:].lower()}@{'a-very-long-name.' * 2}example",
    "country": "NL",
}


LINK = click(".tile a[data-dialog]", "#dialog .picker input"), choose
ANYBODYS = [
    shown("sign-in", "auth.sign_in", "", "/sign-in"),
    shown("sign-in-wrong", "auth.sign_in", "", "/sign-in", faulty(email=OLGA, password="x")),
    shown("sign-in-carrying", "auth.sign_in", VERA, "/profile", end_session, submit()),
    shown("sign-in-as-someone-else", "auth.sign_in", VERA, "/sign-in?switch=1"),
    shown("sign-up", "auth.sign_up", "", "/sign-up"),
    shown("sign-up-faults", "auth.sign_up", "", "/sign-up", faulty()),
    shown("sign-up-closed", "auth.sign_up", "", "{broken}/sign-up"),
    shown("sign-up-sent", "auth.sign_up_sent", "", "/sign-up", send(**NEWCOMER)),
    shown("verify", "auth.verify", "", "/mailbox", mailed("/verify/")),
    shown("verify-over", "auth.verify", "", "/verify/none", status=404),
    shown("forgot", "password_reset.ask", "", "/forgot"),
    shown("forgot-sent", "password_reset.sent", "", "/forgot", send(email=TINA)),
    shown("forgot-choose", "password_reset.choose", "", "/mailbox", mailed("/forgot/")),
    shown("forgot-over", "password_reset.choose", "", "/forgot/none", status=404),
    shown("mailbox", "mailbox.index", "", "/mailbox"),
    shown("mailbox-empty", "mailbox.index", "", "{broken}/mailbox"),
    shown("mailbox-mail", "mailbox.show", "", "{letter}"),
]
HELP = [
    shown("help", "help.index", "", "/help"),
    shown("help-page", "help.show", "", "{guide}"),
    shown("help-not-helpful", "help.show", VERA, "{guide}", click(".feedback-answers summary")),
    shown("operator-feedback", "operator.show_feedback", INGRID, "/operator/feedback"),
]
ONES_OWN = [
    shown("profile", "profile.show", OLGA, "/profile"),
    shown("profile-email", "profile.email", OLGA, "/profile/email"),
    shown("profile-password", "profile.password", OLGA, "/profile/password"),
    shown("profile-password-wrong", "profile.password", OLGA, "/profile/password", faulty()),
    shown("profile-email-asked", "profile.show", TINA, "/profile/email", send(**NEW_EMAIL)),
    shown("profile-confirm", "profile.confirm_email", TINA, "/mailbox", mailed("/profile/email/")),
    shown("profile-over", "profile.confirm_email", TINA, "/profile/email/none", status=404),
    shown("notices", "notifications.index", OLGA, "/notices"),
    shown("notices-none", "notifications.index", TINA, "/notices"),
    shown("notices-choose", "notifications.choose", OLGA, "/notices/choose"),
    shown("account-menu", "notifications.index", OLGA, "/notices", menu(".who")),
]
LISTS = [
    shown("customers", "customers.index", OLGA, ALL),
    shown("customers-waiting", "customers.index", OLGA, f"{ALL}?status={WAITING}"),
    shown("customers-no-match", "customers.index", OLGA, f"{ALL}?q=nothing-like-it"),
    shown("customers-viewer", "customers.index", VERA, f"{ALL}?manager=none&sort=oldest"),
    shown("customers-managers", "customers.index", OLGA, ALL, menu(".managers")),
    shown("customers-trial", "customers.index", TINA, ALL),
    shown("first-steps", "customers.first_steps_page", OLGA, f"{ALL}/first-steps"),
    shown("customers-acceptance", "customers.acceptance", OLGA, f"{ALL}/acceptance"),
    shown("customers-acceptance-none", "customers.acceptance", TINA, f"{ALL}/acceptance"),
    shown("views-none", "customers.views", OLGA, f"{ALL}/views"),
    shown("view-save", "customers.save_view", OLGA, f"{ALL}/views/save?status=Suspended"),
    shown("view-saved", "customers.index", OLGA, f"{ALL}/views/save?q=GmbH", send(name="GmbH")),
    shown("views", "customers.views", OLGA, f"{ALL}/views"),
    shown("view-rename", "customers.rename_view", OLGA, "{view}"),
    shown("import", "customers.upload", EDDIE, IMPORT),
    shown("import-faults", "customers.upload", EDDIE, IMPORT, faulty()),
    shown("import-checked", "customers.show_import", EDDIE, IMPORT, upload, submit("#begin")),
    shown("import-over", "customers.show_import", EDDIE, "{import}", begin),
    shown("import-uploaded", "customers.upload", EDDIE, IMPORT),
    shown("activity", "activity.index", OLGA, "{partner}/activity"),
    shown("activity-none", "activity.index", OLGA, "{partner}/activity?customer=nothing-like-it"),
]
ONE_CUSTOMER = [
    shown("new-customer", "customers.add", OLGA, ADD),
    shown("new-customer-faults", "customers.add", OLGA, ADD, faulty(**FAULTY)),
    shown("new-customer-added", "customers.show", EDDIE, ADD, send("#invitation", **LONG_RECORD)),
    shown("customer-waiting", "customers.show", OLGA, "{waiting}"),
    shown("customer-refused", "customers.show", OLGA, "{refused}"),
    shown("customer-failed", "customers.show", OLGA, "{failed}"),
    shown("customer-unknown", "customers.show", OLGA, "{unknown}"),
    shown("customer-active", "customers.show", OLGA, "{noted}"),
    shown("customer-viewer", "customers.show", VERA, "{suspended}"),
    shown("customer-suspended", "customers.show", OLGA, "{suspended}"),
    shown("customer-declined", "customers.show", OLGA, "{declined}"),
    shown("customer-menu", "customers.show", OLGA, "{active}", menu(".page-head")),
    shown("customer-clouds", "customers.clouds", OLGA, "{linked}/clouds"),
    shown("customer-clouds-waiting", "customers.clouds", OLGA, "{waiting}/clouds"),
    shown("customer-clouds-closed", "customers.clouds", OLGA, "{declined}/clouds"),
    shown("customer-create-cloud", "customers.create_cloud", OLGA, "{active}/clouds/create"),
    shown("customer-no-cloud", "customers.create_cloud", OLGA, "{waiting}/clouds/create"),
    shown("customer-notes", "customers.notes", EDDIE, "{noted}/notes"),
    shown("customer-notes-none", "customers.notes", VERA, "{cyrillic}/notes"),
    shown("customer-delete-note", "customers.delete_note", EDDIE, "{note}"),
    shown("customer-history", "customers.history", OLGA, "{suspended}/history"),
    shown("customer-edit", "customers.edit", OLGA, "{noted}/edit"),
    shown("customer-correct", "customers.correct_address", OLGA, "{refused}/correct-address"),
    shown("customer-suspend", "customers.suspend", OLGA, "{active}/suspend"),
    shown("customer-suspend-dialog", "customers.show", OLGA, "{active}", asked("suspend")),
    shown("customer-resume", "customers.resume", OLGA, "{suspended}/resume"),
    shown("customer-remove", "customers.remove", OLGA, "{waiting}/remove"),
    shown("customer-end", "customers.end_partnership", OLGA, "{active}/end-partnership"),
]
TEAM = [
    shown("team", "team.index", OLGA, "{partner}/team"),
    shown("team-viewer", "team.index", VERA, "{partner}/team"),
    shown("team-add", "team.add", OLGA, "{partner}/team/add"),
    shown("team-change", "team.change", OLGA, "{member}/change"),
    shown("team-remove", "team.remove", OLGA, "{member}/remove"),
    shown("team-coming", "team.index", SAM, "{partner}/team/add", send("#staff", email=VERA)),
]
CONSOLE = [
    shown("console-partner", "console.home", OLGA, "/console"),
    shown("console-no-match", "console.home", OLGA, "/console?q=nothing-like-it"),
    shown("console-customer", "console.home", NINA, "/console"),
    shown("console-invited", "console.home", CARL, "/console"),
    shown("console-empty", "console.home", INGRID, "/console"),
    shown("console-create-cloud", "clouds.create", NINA, "/console/clouds/create"),
    shown("cloud", "clouds.show", NINA, "{cloud}"),
    shown("cloud-rename", "clouds.rename", NINA, "{cloud}/rename"),
    shown("folder-rename", "clouds.rename_folder", NINA, "{folder}"),
    shown("access", "access.index", NINA, "{cloud}/access"),
    shown("access-partner", "access.index", OLGA, "{cloud}/access"),
    shown("access-add", "access.add", NINA, "{cloud}/access/add"),
    shown("access-change", "access.change", NINA, "{holder}/change"),
    shown("access-revoke", "access.revoke", NINA, "{holder}/revoke"),
    shown("access-revoke-partner", "access.revoke_partner", NINA, "{revoke_partner}"),
    shown("access-explain", "access.explain", NINA, f"{{cloud}}/access/explain?email={OLGA}"),
    shown("billing", "billing.index", CARL, "/console/billing"),
    shown("billing-partner", "billing.index", OLGA, "/console/billing"),
    shown("account-trial", "billing.show", CARL, "{account}"),
    shown("account-partner", "billing.show", OLGA, "{account}"),
    shown("account-subaccount", "billing.show", NINA, "{subaccount}"),
    shown("switch-to-paid", "billing.switch_to_paid", CARL, "{account}/switch-to-paid"),
    shown("invitation", "invites.show", CARL, "{invitation}"),
    shown("invitation-confirmed", "invites.show", NINA, "/invite/accept/{confirmed}"),
    shown("invitation-none", "invites.show", NINA, "/invite/accept/none", status=404),
    shown("invitation-own-customers", "invites.show", OLGA, "{invited}", status=403),
    shown("console-confirmed", "console.home", CARL, "{invitation}", submit(".flashes")),
    shown("link-page", "linking.link", CARL, "{subaccount}/link", choose),
    shown("link-nothing", "linking.link", NINA, "{subaccount}/link"),
    shown("link-reasons", "linking.link", OLGA, "{customers_account}/link"),
    shown("link-dialog", "console.home", CARL, "/console", menu(".tile"), *LINK),
]
ELSEWHERE = [
    shown("partner-none", "partner.choose", CARL, "/partner", status=403),
    shown("partner-choose", "partner.choose", VERA, "/partner", patiently("/partner", "main dt")),
    shown("error-400", "", "", "/sign-in?%00", status=400),
    shown("error-403", "team.add", VERA, "{partner}/team/add", status=403),
    shown("error-404", "", OLGA, "/nothing-here", status=404),
    shown("error-405", "", OLGA, "/sign-out", status=405),
    shown("error-422", "", OLGA, "/profile", send_without_token, status=422),
    shown("error-500", "password_reset.ask", "", "{broken}/forgot", send(email=TINA), status=500),
]
ALSO = {
    *(
        "sign-up-faults",
        "profile-email-asked",
        "account-menu",
        "customers-no-match",
        "customers-trial",
        "view-saved",
    ),
    *("customer-refused", "customer-active", "customer-suspend-dialog", "help-not-helpful"),
    *("console-invited", "invitation-none", "console-confirmed", "link-reasons", "error-404"),
}
"""States beyond the first of an endpoint that `make test` sees: they look different, or lead on."""


def seen_first() -> list[Shown]:
    """The first state of each endpoint, and some that look different."""
    firsts = {one.endpoint: one for one in reversed(EVERY)}
    return [one for one in EVERY if one is firsts[one.endpoint] or one.name in ALSO]


EVERY = [*ANYBODYS, *HELP, *ONES_OWN, *LISTS, *ONE_CUSTOMER, *TEAM, *CONSOLE, *ELSEWHERE]

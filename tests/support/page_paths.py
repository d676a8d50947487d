"""Paths to the pages of the tour: steps in a browser, and resolvers of path parameters."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from html import unescape
from urllib.parse import urljoin

from playwright.sync_api import Page

from tests.support import access_pages, drift_pages, statement_pages
from tests.support.tour import ID_PATTERN, Tour
from tests.support.usage_files import focus_rows

WAITING = "SUBACCOUNT-ACCEPTANCE-REQUIRED"
CSV = """name;invitation_email;country
Ferrypoint Chandlery;hello@ferrypoint.example;GB
Osterquell Brauerei;it@osterquell.example;DE
Bad;x;Y
Quaymaster Tools;office@quaymaster.example;Nowhere
"""

Step = Callable[[Page], object]


def click(selector: str, wait_for: str = "main") -> Step:
    """Click, then wait for an element of the result."""

    def step(page: Page) -> None:
        page.locator(selector).first.click()
        page.locator(wait_for).first.wait_for()

    return step


def fill(**fields: str) -> Step:
    """Fill in the fields of the page's form, by name."""

    def step(page: Page) -> None:
        for name, value in fields.items():
            field = page.locator(f"main [name={name}]").first
            if field.evaluate("it => it.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)

    return step


def submit(wait_for: str = "main", form: str = "main form[method=post]") -> Step:
    return click(f"{form} [type=submit]:not([name=show])", wait_for)


def send(wait_for: str = "main", **fields: str) -> Step:
    """Fill in the page's form and submit it."""
    fill_fields, submit_form = fill(**fields), submit(wait_for)
    return lambda page: (fill_fields(page), submit_form(page))


def send_invalid(**fields: str) -> Step:
    """Submit the page's form and wait for its errors."""
    return send(".notice-danger", **fields)


def open_dialog(action: str) -> Step:
    """Open the action's dialog from the menu of a customer's page."""
    open_customer_menu = open_menu(".page-head")
    click_link = click(f".menu a[href$='/{action}']", "#dialog form")
    return lambda page: (open_customer_menu(page), click_link(page))


def open_menu(container: str) -> Step:
    return click(f"{container} summary", f"{container} .menu-panel")


def reload_until(path: str, selector: str) -> Step:
    """Reload until the element is there: a new role takes a moment, and the page redirects until
    then. An empty path is that of the page. Raises AssertionError after 30 seconds."""

    def step(page: Page) -> None:
        for _try in range(60):
            if page.locator(selector).count():
                return
            page.wait_for_timeout(500)
            page.goto(urljoin(page.url, path))
        raise AssertionError(f"no {selector}")

    return step


def end_session(page: Page) -> None:
    page.context.clear_cookies()


def send_without_token(page: Page) -> None:
    """Submit *Sign out* without a CSRF token, as a forged form would."""
    page.evaluate("document.querySelectorAll('[name=csrf_token]').forEach((it) => it.remove())")
    open_menu(".who")(page)
    click(".who [action='/sign-out'] [type=submit]")(page)


def choose_file(page: Page) -> None:
    file = {"name": "customers.csv", "mimeType": "text/csv", "buffer": CSV.encode()}
    page.locator("[type=file]").set_input_files(file)


def upload_usage(page: Page) -> None:
    """Upload a file of usage, and wait until the worker has read it."""
    page.goto(urljoin(page.url, "/operator/usage/upload"))
    page.locator("[name=source]").select_option(label="Vendor")
    text = focus_rows({"ServiceName": "Compute"}, {"BilledCost": "1_000"})
    file = {"name": "october.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.locator("[type=file]").set_input_files(file)
    submit("dl")(page)
    page.locator("[href$='/publish']").wait_for()


def open_mailed_link(prefix: str) -> Step:
    """Wait for a mail with a link whose path begins with `prefix`, and open the link of the newest.
    Raises AssertionError after 20 seconds."""

    def step(page: Page) -> None:
        for _try in range(80):
            for mail_path in find_matches(page, "/mailbox", rf'"(/mailbox/{ID_PATTERN})"')[:3]:
                links = find_matches(page, mail_path, rf'"(https?://[^/"]+{prefix}[^"]+)"')
                if links:
                    page.goto(links[0])
                    return
            page.wait_for_timeout(250)
        raise AssertionError(f"no mail with a link to {prefix}")

    return step


begin_import = submit(".import-rows th a", "#begin")
choose_cloud = click(".picker input:enabled", ".effect")

# Resolvers find the value of a path parameter in the application's pages.

Resolver = Callable[[Page, Tour], str]


def find_matches(page: Page, path: str, pattern: str) -> list[str]:
    """The matches in the HTML of a page, in order."""
    return re.findall(pattern, unescape(page.request.get(path).text()))


def first_match(path: str, pattern: str) -> Resolver:
    """The first match in the HTML of this page. Waits up to 20 seconds for it: a worker that has
    just started may bring it. Raises LookupError."""

    def find(page: Page, tour: Tour) -> str:
        for _try in range(80):
            if found := find_matches(page, tour.resolve(page, path), pattern):
                return found[0]
            page.wait_for_timeout(250)
        raise LookupError(f"{path} has no {pattern}")

    return find


def find_customer(status: str, sentence: str = "", q: str = "", tab: str = "") -> Resolver:
    """The newest customer with this status whose page has the sentence. Raises LookupError."""

    def find(page: Page, tour: Tour) -> str:
        pattern = tour.translate(sentence, host=".*") if sentence else ""
        list_path = tour.resolve(page, f"{{partner}}/customers?status={status}&q={q}")
        customer_path = rf'"(/partner/{ID_PATTERN}/customers/{ID_PATTERN})"'
        for path in find_matches(page, list_path, customer_path):
            if find_matches(page, path + tab, pattern):
                return path
        raise LookupError(f"no customer is {status} and says {sentence!r}")

    return find


CLOUD = rf'"(/console/clouds/{ID_PATTERN})"'
RESOLVERS: dict[str, Resolver] = {
    "broken": lambda _page, tour: tour.broken_url,
    "partner": lambda page, _tour: page.request.get("/partner").url.removesuffix("/customers"),
    "waiting": find_customer(WAITING, "Email handed over for %(host)s"),
    "refused": find_customer(WAITING, "Refused by the mail server"),
    "failed": find_customer(WAITING, "Not handed over, after four hours of trying"),
    "unknown": find_customer(WAITING, "Delivery unknown"),
    "active": find_customer("Active", q="Quillmoor"),
    "noted": find_customer("Active", q="Larkspur"),
    "linked": find_customer("Active", f"(?s){CLOUD}.*{CLOUD}", tab="/clouds"),
    "cyrillic": find_customer(WAITING, q="Северный"),
    "suspended": find_customer("Suspended"),
    "declined": find_customer("Inactive", "Customer declined"),
    "note": first_match("{noted}/notes", rf'"([^"]*/notes/{ID_PATTERN}/delete)"'),
    "member": first_match("{partner}/team", rf'"([^"]*/team/{ID_PATTERN})/change"'),
    "import": first_match("{partner}/customers/import", rf'"([^"]*/import/{ID_PATTERN})"'),
    "view": first_match("{partner}/customers/views", rf'"([^"]*/views/{ID_PATTERN}/rename)"'),
    "account": first_match("/console/billing", rf'"(/console/billing/{ID_PATTERN})"'),
    "subaccount": first_match("/console", rf'"(/console/billing/{ID_PATTERN})"'),
    "customers_account": first_match("{active}/clouds", rf'"(/console/billing/{ID_PATTERN})"'),
    "cloud": first_match("/console", CLOUD),
    "customers_cloud": first_match("{active}/clouds", CLOUD),
    "budgeted": first_match(
        "{partner}/budgets", rf'"(/partner/{ID_PATTERN}/customers/{ID_PATTERN})/usage"'
    ),
    "statements": statement_pages.add,
    "own_statements": lambda page, tour: (
        f"/console/statements?account={tour.resolve(page, '{partner}').rpartition('/')[2]}"
    ),
    "shop": partial(access_pages.add, "{cloud}"),
    **{
        f"shop_{state}": partial(access_pages.change, state, "{shop}")
        for state in access_pages.CHANGES
    },
    "shop_lxd": partial(access_pages.move_to_lxd, "{shop}"),
    "shop_down": partial(access_pages.take_down, "{shop}"),
    "own_role": first_match("{shop_lxd}/access", r'"([^"]*/access/aje[0-9a-v]{17}/revoke)"'),
    "to_carry_out": access_pages.to_carry_out,
    "access_ready": partial(access_pages.access, "2", "{shop}"),
    "access_used": partial(access_pages.access, "3", "{shop}"),
    "paris": drift_pages.add,
    "folder": first_match("{cloud}", rf'"([^"]*/folders/{ID_PATTERN}/rename)"'),
    "holder": first_match("{cloud}/access", rf'"([^"]*/access/{ID_PATTERN})/change"'),
    "revoke_partner": first_match("{cloud}/access", r'"([^"]*/revoke-partner)"'),
    "confirmed": first_match("/console", rf"/console/billing/({ID_PATTERN})"),
    "invitation": first_match("/console", rf'"(/invite/accept/{ID_PATTERN})"'),
    "invited": first_match("{waiting}", rf"/invite/accept/{ID_PATTERN}"),
    "guide": first_match("/help", r'"(/help/[^"#]+)"'),
    "job": first_match("/operator/work/upkeep", rf'"(/operator/work/jobs/{ID_PATTERN})/run-again"'),
    "connection": first_match("/operator/connections", rf'"(/operator/connections/{ID_PATTERN})"'),
    "delivery": first_match("/operator/usage", rf'"(/operator/usage/{ID_PATTERN})"'),
    "unknown_job": first_match(
        "/operator/work/mail?state=parked", rf'"(/operator/work/jobs/{ID_PATTERN})/arrived"'
    ),
    "letter": first_match("/mailbox", rf'"(/mailbox/{ID_PATTERN})"'),
}

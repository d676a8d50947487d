"""The way to a page: what one does in a browser, and where one finds what an address needs."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import urljoin

from playwright.sync_api import Page

from tests.support.tour import ID_PATTERN, Tour

WAITING = "SUBACCOUNT-ACCEPTANCE-REQUIRED"
CSV = """name;invitation_email;country
Ferrypoint Chandlery;hello@ferrypoint.example;GB
Osterquell Brauerei;it@osterquell.example;DE
Bad;x;Y
Quaymaster Tools;office@quaymaster.example;Nowhere
"""

Step = Callable[[Page], object]


def click(selector: str, then: str = "main") -> Step:
    """Click, and wait for what comes of it."""

    def step(page: Page) -> None:
        page.locator(selector).first.click()
        page.locator(then).first.wait_for()

    return step


def fill(**fields: str) -> Step:
    def step(page: Page) -> None:
        for name, value in fields.items():
            box = page.locator(f"main [name={name}]").first
            if box.evaluate("it => it.tagName") == "SELECT":
                box.select_option(value)
            else:
                box.fill(value)

    return step


def submit(then: str = "main", form: str = "main form[method=post]") -> Step:
    return click(f"{form} [type=submit]:not([name=show])", then)


def send(then: str = "main", **fields: str) -> Step:
    """Fill in the page's form, and send it."""
    filled, sent = fill(**fields), submit(then)
    return lambda page: (filled(page), sent(page))


def send_invalid(**fields: str) -> Step:
    """Send it with errors."""
    return send(".notice-danger", **fields)


def open_dialog(step: str) -> Step:
    """Open the step's dialog from the menu of a customer's page."""
    opened = open_menu(".page-head")
    there = click(f".menu a[href$='/{step}']", "#dialog form")
    return lambda page: (opened(page), there(page))


def open_menu(where: str) -> Step:
    return click(f"{where} summary", f"{where} .menu-panel")


def reload_until(path: str, selector: str) -> Step:
    """Ask again until it is there: a role that was given takes a moment, and the page leads
    elsewhere until then."""

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
    """Press *Sign out* with a form that another page could have made."""
    page.evaluate("document.querySelectorAll('[name=csrf_token]').forEach((it) => it.remove())")
    open_menu(".who")(page)
    click(".who [action='/sign-out'] [type=submit]")(page)


def choose_file(page: Page) -> None:
    sheet = {"name": "customers.csv", "mimeType": "text/csv", "buffer": CSV.encode()}
    page.locator("[type=file]").set_input_files(sheet)


def open_mailed_link(prefix: str) -> Step:
    """Wait for the newest mail whose link begins so, and open that link."""

    def step(page: Page) -> None:
        for _try in range(80):
            for letter in find_matches(page, "/mailbox", rf'"(/mailbox/{ID_PATTERN})"')[:3]:
                if found := find_matches(page, letter, rf'"(https?://[^/"]+{prefix}[^"]+)"'):
                    page.goto(found[0])
                    return
            page.wait_for_timeout(250)
        raise AssertionError(f"no mail with a link to {prefix}")

    return step


begin_import = submit(".import-rows th a", "#begin")
choose_cloud = click(".picker input:enabled", ".effect")

# Places: what an address needs, and the application itself tells.

Resolver = Callable[[Page, Tour], str]


def find_matches(page: Page, path: str, pattern: str) -> list[str]:
    """What stands so on a page, in order."""
    return re.findall(pattern, unescape(page.request.get(path).text()))


def first_match(path: str, pattern: str) -> Resolver:
    """The first that stands on that page."""
    return lambda page, tour: find_matches(page, tour.address(page, path), pattern)[0]


def find_customer(status: str, saying: str = "", q: str = "", tab: str = "") -> Resolver:
    """The newest customer in this state whose page says so."""

    def find(page: Page, tour: Tour) -> str:
        said = tour.words(saying, host=".*") if saying else ""
        listed = tour.address(page, f"{{partner}}/customers?status={status}&q={q}")
        for path in find_matches(
            page, listed, rf'"(/partner/{ID_PATTERN}/customers/{ID_PATTERN})"'
        ):
            if find_matches(page, path + tab, said):
                return path
        raise LookupError(f"no customer is {status} and says {saying!r}")

    return find


CLOUD = rf'"(/console/clouds/{ID_PATTERN})"'
RESOLVERS: dict[str, Resolver] = {
    "broken": lambda _page, tour: tour.broken,
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
    "folder": first_match("{cloud}", rf'"([^"]*/folders/{ID_PATTERN}/rename)"'),
    "holder": first_match("{cloud}/access", rf'"([^"]*/access/{ID_PATTERN})/change"'),
    "revoke_partner": first_match("{cloud}/access", r'"([^"]*/revoke-partner)"'),
    "confirmed": first_match("/console", rf"/console/billing/({ID_PATTERN})"),
    "invitation": first_match("/console", rf'"(/invite/accept/{ID_PATTERN})"'),
    "invited": first_match("{waiting}", rf"/invite/accept/{ID_PATTERN}"),
    "guide": first_match("/help", r'"(/help/[^"#]+)"'),
    "letter": first_match("/mailbox", rf'"(/mailbox/{ID_PATTERN})"'),
}

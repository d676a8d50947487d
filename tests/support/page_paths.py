"""The way to a page: what one does in a browser, and where one finds what an address needs."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import urljoin

from playwright.sync_api import Page

from tests.support.tour import ID, Tour

WAITING = "SUBACCOUNT-ACCEPTANCE-REQUIRED"
SHEET = """name;invitation_email;country
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


def faulty(**fields: str) -> Step:
    """Send it with errors."""
    return send(".notice-danger", **fields)


def asked(step: str) -> Step:
    """Open the step's dialog from the menu of a customer's page."""
    opened = menu(".page-head")
    there = click(f".menu a[href$='/{step}']", "#dialog form")
    return lambda page: (opened(page), there(page))


def menu(where: str) -> Step:
    return click(f"{where} summary", f"{where} .menu-panel")


def patiently(path: str, selector: str) -> Step:
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
    menu(".who")(page)
    click(".who [action='/sign-out'] [type=submit]")(page)


def upload(page: Page) -> None:
    sheet = {"name": "customers.csv", "mimeType": "text/csv", "buffer": SHEET.encode()}
    page.locator("[type=file]").set_input_files(sheet)


def mailed(prefix: str) -> Step:
    """Wait for the newest mail whose link begins so, and open that link."""

    def step(page: Page) -> None:
        for _try in range(80):
            for letter in seen(page, "/mailbox", rf'"(/mailbox/{ID})"')[:3]:
                if found := seen(page, letter, rf'"(https?://[^/"]+{prefix}[^"]+)"'):
                    page.goto(found[0])
                    return
            page.wait_for_timeout(250)
        raise AssertionError(f"no mail with a link to {prefix}")

    return step


begin = submit(".import-rows th a", "#begin")
choose = click(".picker input:enabled", ".effect")

# Places: what an address needs, and the application itself tells.

Place = Callable[[Page, Tour], str]


def seen(page: Page, path: str, pattern: str) -> list[str]:
    """What stands so on a page, in order."""
    return re.findall(pattern, unescape(page.request.get(path).text()))


def on(path: str, pattern: str) -> Place:
    """The first that stands on that page."""
    return lambda page, tour: seen(page, tour.address(page, path), pattern)[0]


def customer(status: str, saying: str = "", q: str = "", tab: str = "") -> Place:
    """The newest customer in this state whose page says so."""

    def find(page: Page, tour: Tour) -> str:
        said = tour.words(saying, host=".*") if saying else ""
        listed = tour.address(page, f"{{partner}}/customers?status={status}&q={q}")
        for path in seen(page, listed, rf'"(/partner/{ID}/customers/{ID})"'):
            if seen(page, path + tab, said):
                return path
        raise LookupError(f"no customer is {status} and says {saying!r}")

    return find


CLOUD = rf'"(/console/clouds/{ID})"'
PLACES: dict[str, Place] = {
    "broken": lambda _page, tour: tour.broken,
    "partner": lambda page, _tour: page.request.get("/partner").url.removesuffix("/customers"),
    "waiting": customer(WAITING, "Email handed over for %(host)s"),
    "refused": customer(WAITING, "Refused by the mail server"),
    "failed": customer(WAITING, "Not handed over, after four hours of trying"),
    "unknown": customer(WAITING, "Delivery unknown"),
    "active": customer("Active", q="Quillmoor"),
    "noted": customer("Active", q="Larkspur"),
    "linked": customer("Active", f"(?s){CLOUD}.*{CLOUD}", tab="/clouds"),
    "cyrillic": customer(WAITING, q="Северный"),
    "suspended": customer("Suspended"),
    "declined": customer("Inactive", "Customer declined"),
    "note": on("{noted}/notes", rf'"([^"]*/notes/{ID}/delete)"'),
    "member": on("{partner}/team", rf'"([^"]*/team/{ID})/change"'),
    "import": on("{partner}/customers/import", rf'"([^"]*/import/{ID})"'),
    "view": on("{partner}/customers/views", rf'"([^"]*/views/{ID}/rename)"'),
    "account": on("/console/billing", rf'"(/console/billing/{ID})"'),
    "subaccount": on("/console", rf'"(/console/billing/{ID})"'),
    "customers_account": on("{active}/clouds", rf'"(/console/billing/{ID})"'),
    "cloud": on("/console", CLOUD),
    "folder": on("{cloud}", rf'"([^"]*/folders/{ID}/rename)"'),
    "holder": on("{cloud}/access", rf'"([^"]*/access/{ID})/change"'),
    "revoke_partner": on("{cloud}/access", r'"([^"]*/revoke-partner)"'),
    "confirmed": on("/console", rf"/console/billing/({ID})"),
    "invitation": on("/console", rf'"(/invite/accept/{ID})"'),
    "invited": on("{waiting}", rf"/invite/accept/{ID}"),
    "guide": on("/help", r'"(/help/[^"#]+)"'),
    "letter": on("/mailbox", rf'"(/mailbox/{ID})"'),
}

"""The pictures of the guide: screenshots of parts of the demo's pages, in each language."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from portal.demo.people import CARL, EDDIE, OLGA, PASSWORD
from portal.wording import guide
from portal.wording.guide.text import DEVICE_PIXEL_RATIO
from tests.support import chromium
from tests.support.demonstration import serve

PICTURES_FOLDER = Path(__file__).resolve().parent.parent.parent / "portal" / "static" / "guide"
NINA = "nina@quillmoor.example"
MARGIN = 8
QUALITIES = 55, 40, 30
"""The first whose picture is SMALL is taken."""
SMALL = 60_000
"""In bytes; no picture of the guide has more."""
WIDTH, NARROW = 960, 700
CSV = """name,invitation_email,country,reference
Westmoor Joinery,office@westmoor-joinery.example,GB,HI-0901
Falkenried Optik,kontakt@falkenried.example,DE,HI-0902
Nowhere Ltd,nobody,GB,HI-0903
Saltbridge Ferries,ops@saltbridge.example,DK,
"""


class Picture(NamedTuple):
    """How to navigate to the page, and the selectors of the first and last element shown."""

    name: str
    email: str
    width: int
    navigate: Callable[[Page], object]
    first: str
    last: str


def _goto(path: str) -> Callable[[Page], object]:
    return lambda page: page.goto(path)


def _open_list(page: Page, path: str = "") -> None:
    page.goto("/partner")
    page.goto(page.url + path)


def _open_customer(page: Page) -> None:
    _open_list(page, "?q=Saltbridge")
    page.locator("tbody th a").first.click()
    page.locator("#link").wait_for()


def _upload_file(page: Page) -> None:
    _open_list(page, "/import")
    file = {"name": "customers.csv", "mimeType": "text/csv", "buffer": CSV.encode()}
    page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    page.locator("form[enctype] button[type=submit]").click()
    page.locator("#begin").wait_for()


def _open_invitation(page: Page) -> None:
    page.goto("/console")
    page.locator("section.answer a.btn").first.click()
    page.locator("form.actions-even").wait_for()


def _accept_invitation(page: Page) -> None:
    _open_invitation(page)
    page.locator("form.actions-even .btn-primary").click()
    page.locator(".tile summary").first.click()


def _open_link_dialog(page: Page) -> None:
    page.goto("/console")
    page.locator(".tile summary").first.click()
    page.locator(".tile a[data-dialog]").first.click()
    page.locator("#dialog .cloud input").first.check()
    page.locator("#effect dl").wait_for()


def _open_access(page: Page) -> None:
    page.goto("/console")
    page.locator(".tile tbody a").first.click()
    page.locator("a[href$='/access']").click()
    page.locator("#holders").wait_for()


PICTURES = (
    Picture("customers", OLGA, WIDTH, _open_list, ".page-head", "tbody tr:nth-child(7)"),
    Picture("new-customer", EDDIE, NARROW, lambda page: _open_list(page, "/add"),
            "fieldset.fields", "fieldset.fields"),
    Picture("delivery", OLGA, NARROW, _open_customer, ".page-head", ".copyline"),
    Picture("import", EDDIE, WIDTH, _upload_file, "#progress", "#progress"),
    Picture("answer", CARL, NARROW, _open_invitation, ".page-head", "form.actions-even"),
    Picture("subaccount", CARL, NARROW, _accept_invitation, ".tile", ".tile"),
    Picture("link", CARL, NARROW, _open_link_dialog, "#dialog", "#dialog"),
    Picture("access", NINA, WIDTH, _open_access, "#holders", "#holders"),
    Picture("notices", OLGA, NARROW, _goto("/notices/choose"), "form table", "form table"),
)  # fmt: skip


@contextmanager
def _sign_in(browser: Browser, url: str, email: str, language: str) -> Iterator[Page]:
    """A page of a new browser context; sets the language of the person's profile."""
    context = browser.new_context(base_url=url, color_scheme="light")
    page = context.new_page()
    page.goto("/sign-in")
    page.locator("#email").fill(email)
    page.locator("#password").fill(PASSWORD)
    page.locator("main .btn-primary").click()
    page.goto("/profile")
    page.locator("#language").select_option(language)
    page.locator("main .btn-primary").first.click()
    yield page
    context.close()


def _take_screenshot(page: Page, picture: Picture, path: Path) -> None:
    """Write the part of the page from the first to the last element, with a margin."""
    page.set_viewport_size({"width": picture.width, "height": 1400})
    picture.navigate(page)
    page.mouse.move(0, 0)
    elements = [page.locator(selector).first for selector in (picture.first, picture.last)]
    boxes = [box for element in elements if (box := element.bounding_box())]
    margin = 0 if picture.last == "#dialog" else MARGIN
    left = min(box["x"] for box in boxes) - margin
    right = max(box["x"] + box["width"] for box in boxes) + margin
    top = boxes[0]["y"] - (0 if picture.first == ".page-head" else margin)
    bottom = boxes[-1]["y"] + boxes[-1]["height"] + margin
    clip = {
        "x": left,
        "y": top,
        "width": right - left,
        "height": bottom - top,
        "scale": DEVICE_PIXEL_RATIO,
    }
    session = page.context.new_cdp_session(page)
    for quality in QUALITIES:
        options = {"format": "webp", "quality": quality, "clip": clip}
        result = session.send("Page.captureScreenshot", options)
        path.write_bytes(base64.b64decode(result["data"]))
        if path.stat().st_size < SMALL:
            break


def main() -> None:
    """Write every picture in every language, and print the size of each in bytes."""
    executable = chromium.find()
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(Path(folder), EXTERNAL_URL="http://portal.northfold.example",
               PRODUCT_NAME="Northfold Cloud") as url,
        sync_playwright() as playwright,
    ):  # fmt: skip
        browser = playwright.chromium.launch(
            executable_path=executable.path, env=dict(executable.env), args=list(executable.args)
        )
        for language in guide.LANGUAGES:
            (PICTURES_FOLDER / language).mkdir(parents=True, exist_ok=True)
            for picture in PICTURES:
                path = PICTURES_FOLDER / language / f"{picture.name}.webp"
                with _sign_in(browser, url, picture.email, language) as page:
                    _take_screenshot(page, picture, path)
                print(f"{path.stat().st_size:7} {path.relative_to(PICTURES_FOLDER)}")
        browser.close()


if __name__ == "__main__":
    main()

"""`make screenshots`: check and photograph every page at every width in both themes.

Writes screenshots/<name>-<width>-<theme>.png and index.html, a contact sheet. Arguments select the
pages whose names begin with one of them. `--language ru` writes the Russian pages to
screenshots/ru/. `--readme` writes the screenshots of the README to docs/ instead, as large as a
window. The exit status is 1 if a page overflows, logs an error, or has violations that axe finds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from portal.i18n import languages
from tests.support import chromium, demonstration, page_paths, pages
from tests.support.tour import HEIGHT, NARROWEST, THEMES, PageState, Tour, find_overflow

FOLDER = Path(__file__).resolve().parent.parent.parent / "screenshots"
WIDTHS = (1280, 768, 375)
DOCS = FOLDER.parent / "docs"
README = {
    "customers": (1280, "light", 560),
    "customer-waiting": (1280, "light", 700),
    "console-invited": (375, "dark", 700),
    "console-confirmed": None,  # leads to the next state
    "link-dialog": (1280, "light", 740),
}
"""Width, theme and height of each screenshot, by the name of its page."""


def take_screenshots(tour: Tour, state: PageState, folder: Path) -> None:
    """Navigate to the page once; photograph it at all widths and in both themes."""
    with tour.open_page(state, WIDTHS[0]) as page:
        tour.check(page, state)
        page.set_viewport_size({"width": NARROWEST, "height": HEIGHT})
        tour.record(state, find_overflow(page))
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            tour.record(state, find_overflow(page))
            for theme in THEMES:
                page.emulate_media(color_scheme=theme)
                # Hiding the caret leaves an empty `style` behind, which htmx may not set again.
                path = folder / file_name(state, width, theme)
                page.screenshot(path=path, full_page=True, caret="initial")


def take_readme_screenshot(tour: Tour, state: PageState) -> None:
    """Photograph the top of the page, in the size and theme that `README` says."""
    options = README[state.name]
    with tour.open_page(state, options[0] if options else WIDTHS[0]) as page:
        if options:
            width, theme, height = options
            page.emulate_media(color_scheme=theme)
            clip = {"x": 0, "y": 0, "width": width, "height": height}
            page.screenshot(path=DOCS / f"{state.name}.png", clip=clip)


def file_name(state: PageState, width: int, theme: str) -> str:
    return f"{state.name}-{width}-{theme}.png"


def contact_sheet(states: list[PageState]) -> str:
    """An HTML page with a thumbnail of every screenshot, linked to its file."""
    rows = []
    for state in states:
        rows.append(f"<h2>{state.name}</h2><p>{state.email or 'nobody'}</p>")
        for width in WIDTHS:
            for theme in THEMES:
                name = file_name(state, width, theme)
                rows.append(
                    f'<a href="{name}"><img src="{name}" alt="{name}" loading="lazy"'
                    f' width="{width // 4}"></a>'
                )
    style = "body{font:14px sans-serif;background:#888}img{vertical-align:top;margin:0 8px 8px 0}"
    head = f'<!doctype html><meta charset="utf-8"><title>Screenshots</title><style>{style}</style>'
    return "\n".join([head, *rows])


def main(arguments: list[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="tests.support.screenshots")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("--language", choices=languages.available(), default=languages.SOURCE)
    options = parser.parse_args(arguments)
    prefixes = tuple(options.names or [""])
    states = [state for state in pages.STATES if state.name.startswith(prefixes)]
    if options.readme:
        states = [state for state in pages.STATES if state.name in README]
    is_source = options.language == languages.SOURCE
    folder = FOLDER if is_source else FOLDER / options.language
    folder.mkdir(parents=True, exist_ok=True)
    with open_tour(options.language) as tour:
        for state in states:
            print(state.name, flush=True)
            if options.readme:
                take_readme_screenshot(tour, state)
            else:
                take_screenshots(tour, state, folder)
    if not options.readme:
        (folder / "index.html").write_text(contact_sheet(states))
    print(*tour.problems, f"{folder / 'index.html'}: {len(states)} pages", sep="\n")
    return 1 if tour.problems else 0


@contextmanager
def open_tour(language: str) -> Iterator[Tour]:
    """A tour of a new demo."""
    executable, name = chromium.find(), {"PRODUCT_NAME": "Northfold Cloud"}
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable.path, env=dict(executable.env), args=list(executable.args)
        )
        folder = Path(temporary)
        with (
            demonstration.serve(folder, **name) as url,
            demonstration.serve_without_database(folder, **name) as (app, broken_url),
        ):
            database = folder / "portal.db"
            yield Tour(browser, app, url, broken_url, database, page_paths.RESOLVERS, language)
        browser.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`make screenshots`: every page at every width in both themes, judged and pictured.

Writes screenshots/<name>-<width>-<theme>.png and index.html, a sheet with all of them. Words after
the command choose the pages whose names begin so; `--language ru` writes into screenshots/ru/ what
those see who read Russian; `--readme` writes the pictures of the README into docs/ instead, as
large as a window. Exit status 1 where a page does not fit its width, a console complains or axe
finds something."""

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
    "console-confirmed": None,  # the way to the next
    "link-dialog": (1280, "light", 700),
}
"""Names, and width, theme and height of their pictures."""


def take_screenshots(tour: Tour, shown: PageState, folder: Path) -> None:
    """The page, its way gone once, at all widths and in both themes."""
    with tour.opened(shown, WIDTHS[0]) as page:
        tour.judge(page, shown)
        page.set_viewport_size({"width": NARROWEST, "height": HEIGHT})
        tour.complain(shown, find_overflow(page))
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            tour.complain(shown, find_overflow(page))
            for theme in THEMES:
                page.emulate_media(color_scheme=theme)
                # Hiding the caret leaves an empty `style` behind, which htmx may not set again.
                path = folder / file_name(shown, width, theme)
                page.screenshot(path=path, full_page=True, caret="initial")


def take_readme_screenshot(tour: Tour, shown: PageState) -> None:
    """The page as one sees it first, down to the height that is wanted."""
    wanted = README[shown.name]
    with tour.opened(shown, wanted[0] if wanted else WIDTHS[0]) as page:
        if wanted:
            page.emulate_media(color_scheme=wanted[1])
            clip = {"x": 0, "y": 0, "width": wanted[0], "height": wanted[2]}
            page.screenshot(path=DOCS / f"{shown.name}.png", clip=clip)


def file_name(shown: PageState, width: int, theme: str) -> str:
    return f"{shown.name}-{width}-{theme}.png"


def contact_sheet(wanted: list[PageState]) -> str:
    """One page with all pictures, small; each leads to itself."""
    rows = []
    for shown in wanted:
        rows.append(f"<h2>{shown.name}</h2><p>{shown.who or 'nobody'}</p>")
        for width in WIDTHS:
            for theme in THEMES:
                name = file_name(shown, width, theme)
                rows.append(
                    f'<a href="{name}"><img src="{name}" alt="{name}" loading="lazy"'
                    f' width="{width // 4}"></a>'
                )
    style = "body{font:14px sans-serif;background:#888}img{vertical-align:top;margin:0 8px 8px 0}"
    head = f'<!doctype html><meta charset="utf-8"><title>Screenshots</title><style>{style}</style>'
    return "\n".join([head, *rows])


def main(words: list[str]) -> int:
    asked = argparse.ArgumentParser(prog="tests.support.screenshots")
    asked.add_argument("names", nargs="*")
    asked.add_argument("--readme", action="store_true")
    asked.add_argument("--language", choices=languages.available(), default=languages.SOURCE)
    options = asked.parse_args(words)
    wanted = [one for one in pages.STATES if one.name.startswith(tuple(options.names or [""]))]
    if options.readme:
        wanted = [one for one in pages.STATES if one.name in README]
    is_source = options.language == languages.SOURCE
    folder = FOLDER if is_source else FOLDER / options.language
    folder.mkdir(parents=True, exist_ok=True)
    with open_tour(options.language) as tour:
        for shown in wanted:
            print(shown.name, flush=True)
            if options.readme:
                take_readme_screenshot(tour, shown)
            else:
                take_screenshots(tour, shown, folder)
    if not options.readme:
        (folder / "index.html").write_text(contact_sheet(wanted))
    print(*tour.complaints, f"{folder / 'index.html'}: {len(wanted)} pages", sep="\n")
    return 1 if tour.complaints else 0


@contextmanager
def open_tour(language: str) -> Iterator[Tour]:
    """A tour of a demonstration of its own."""
    found, name = chromium.find(), {"PRODUCT_NAME": "Northfold Cloud"}
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found.path, env=dict(found.env), args=list(found.args)
        )
        folder = Path(temporary)
        with (
            demonstration.serve(folder, **name) as url,
            demonstration.serve_without_database(folder, **name) as (app, broken),
        ):
            yield Tour(browser, app, url, broken, page_paths.RESOLVERS, language)
        browser.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

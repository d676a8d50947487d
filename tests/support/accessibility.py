"""Accessibility: the violations that axe finds in a page of a real browser."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page


def prepare(context: BrowserContext) -> None:
    """Define axe in every page of the context, to be run when it is needed: sending it to a page
    takes longer than running it."""
    context.add_init_script(f"window.loadAxe = () => {{ {Axe().axe_script} }}")


def find_violations(page: Page, options: dict[str, Any]) -> list[str]:
    """The violations that axe finds with these options: each rule with its first elements."""
    page.wait_for_load_state()  # during a navigation there is no document
    found = page.evaluate(
        """options => {
          if (!window.axe) loadAxe();
          return axe.run(options).then((result) => result.violations);
        }""",
        {"resultTypes": ["violations"], **options},
    )
    return [
        f"{violation['id']}: {[node['html'][:120] for node in violation['nodes'][:3]]}"
        for violation in found
    ]

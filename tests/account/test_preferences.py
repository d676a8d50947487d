"""The theme of a browser: by the system, or as somebody chose, signed in or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.answers import csrf_token
from tests.support.browser import Browser
from tests.support.world import OLGA

Open = Callable[..., Browser]


def shown(client: Browser) -> tuple[str | None, str, list[str]]:
    """What forces the theme, what the browser receives, and which buttons are pressed."""
    schemes = [e.attrib["content"] for e in client.page.iter() if e.get("name") == "color-scheme"]
    buttons = [e for e in client.page.iter() if e.get("name") == "theme"]
    pressed = [e.attrib["value"] for e in buttons if e.get("aria-pressed") == "true"]
    return client.page.get("data-bs-theme"), schemes[0], pressed


@pytest.mark.parametrize(
    ("who", "path"), [(None, "/sign-up?next=%2Fconsole"), (OLGA, "/console?q=a")]
)
def test_a_theme_is_chosen_without_a_script_and_stays(
    browser: Open, who: str | None, path: str
) -> None:
    client = browser(who)
    client.get(path)
    assert shown(client) == (None, "light dark", ["system"])
    back = client.submit("Dark")
    assert back.request.full_path.rstrip("?") == path
    assert shown(client) == ("dark", "dark", ["dark"])
    client.get("/nothing-here")
    assert shown(client) == ("dark", "dark", ["dark"])
    client.submit("System")
    assert shown(client) == (None, "light dark", ["system"])


@pytest.mark.parametrize("button", ["Sign in", "Sign up"])
def test_a_form_with_errors_still_leads_on_after_another_theme(browser: Open, button: str) -> None:
    client = browser()
    client.get(f"/{button.lower().replace(' ', '-')}?next=/invite/accept/1")
    assert client.submit(button).status_code == 422
    assert client.submit("Dark").request.args["next"] == "/invite/accept/1"


def test_a_script_is_told_the_theme_and_changes_the_page_itself(browser: Open) -> None:
    client = browser(OLGA)
    form = {"theme": "light", "csrf_token": csrf_token(client)}
    answer = client.post("/preferences/theme", data=form, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Trigger"]) == (204, '{"theme": "light"}')
    client.get("/console")
    assert shown(client) == ("light", "light", ["light"])


@pytest.mark.parametrize("form", [{"theme": "dark", "csrf_token": "made-up"}, {"theme": "pink"}])
def test_nobody_else_chooses_and_nothing_else_is_chosen(
    browser: Open, form: dict[str, str]
) -> None:
    client = browser()
    client.get("/sign-in")
    form = {"csrf_token": csrf_token(client), "next": "https://elsewhere.example/"} | form
    assert client.post("/preferences/theme", data=form).location == "/"
    told = client.post("/preferences/theme", data=form, headers={"HX-Request": "true"})
    assert told.status_code == 400, "which the script shows; a redirect would be lost in silence"
    client.set_cookie("portal-theme", '"><script>')
    client.get("/sign-in")
    assert shown(client) == (None, "light dark", ["system"])

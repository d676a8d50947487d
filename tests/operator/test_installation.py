"""*This installation*: operators read the settings in force, and no secret."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from portal import config
from portal.config.in_force import SECRETS
from tests.support.answers import definition_list
from tests.support.browser import Browser
from tests.support.work import appoint_operator
from tests.support.world import DORA

HIDDEN = "keep-this-to-yourself-0123456789"


@pytest.mark.parametrize(
    "settings",
    [dict.fromkeys(SECRETS, HIDDEN) | {"PRODUCT_NAME": "Shown Cloud", "SIGN_UP": "closed"}],
)
def test_settings_in_force_are_shown_without_secrets(
    app: Flask, browser: Callable[..., Browser], settings: dict[str, str]
) -> None:
    appoint_operator()
    dora = browser(DORA)
    dora.get("/operator")
    dora.click("Settings")
    shown = definition_list(dora)
    assert {setting.name for setting in config.SETTINGS} <= set(shown)
    assert (shown["SIGN_UP"], shown["PRODUCT_NAME"]) == ("closed", "Shown Cloud")
    assert {shown[name] for name in SECRETS} == {"•••"}
    assert HIDDEN not in dora.get("/operator/installation").text


def test_a_setting_that_is_named_like_a_secret_is_one() -> None:
    named = re.compile(r"SECRET|TOKEN|PASSWORD|KEY(?!.*_FILE$)")
    assert {it.name for it in config.SETTINGS if named.search(it.name)} == SECRETS


def test_the_password_in_the_address_of_the_database_is_a_secret() -> None:
    settings = config.load(
        {"DATABASE_URL": f"postgresql://portal:{HIDDEN}@127.0.0.1/portal", "PORTAL_ENV": "local"}
    )
    assert config.texts_in_force(settings)["DATABASE_URL"].endswith("portal:***@127.0.0.1/portal")

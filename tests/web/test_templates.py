"""No page shows a Python object, nor a path of the server."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from types import ModuleType
from typing import Any

import pytest
from flask import Flask, template_rendered
from jinja2 import Environment, nodes

from portal import config
from tests.support.browser import Browser
from tests.support.world import CARL, NINA, OLGA, TINA, World
from tests.web.test_gates import every_url

Open = Callable[..., Browser]

PYTHON_OBJECT = re.compile(r"<(?:module|function|class|bound method|built-in) |\bobject at 0x")


def modules_in(env: Environment) -> set[str]:
    """The names of the template globals that are Python modules."""
    return {name for name, value in env.globals.items() if isinstance(value, ModuleType)}


def printed_or_tested_modules(env: Environment, source: str) -> set[str]:
    """The modules that a template uses by their name alone, as it uses a context variable, in place
    of `module.name`."""
    template = env.parse(source)
    qualified = {id(attribute.node) for attribute in template.find_all(nodes.Getattr)}
    loaded = [name for name in template.find_all(nodes.Name) if name.ctx == "load"]
    bare = {name.name for name in loaded if id(name) not in qualified}
    return bare & modules_in(env)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_no_template_takes_a_module_for_a_variable_that_was_not_passed(app: Flask) -> None:
    env = app.jinja_env
    assert {"labels", "guide"} <= modules_in(env)
    assert printed_or_tested_modules(env, "{% if labels %}{{ guide.link('x') }}{% endif %}") == {
        "labels"
    }
    found = {}
    for name in env.list_templates():
        assert env.loader is not None
        found[name] = printed_or_tested_modules(env, env.loader.get_source(env, name)[0])
    assert len(found) > 50
    assert {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize("email", [None, OLGA, NINA, CARL, TINA])
def test_no_page_shows_a_python_object_or_a_path_of_the_server(
    app: Flask, browser: Open, world: World, email: str | None
) -> None:
    urls, client = [url for _rule, url in every_url(app, world, "GET")], browser(email)
    passed: set[str] = set()

    def record(_app: Flask, *, context: dict[str, Any], **_kwargs: Any) -> None:
        passed.update(context)

    with template_rendered.connected_to(record, app):
        bodies = {url: client.get(url, buffered=True).data for url in urls}
    pages = {url: unescape(body.decode(errors="replace")) for url, body in bodies.items()}
    assert [url for url, page in pages.items() if PYTHON_OBJECT.search(page)] == []
    assert [url for url, page in pages.items() if str(config.ROOT) in page] == []
    assert "product_name" in passed
    assert passed & modules_in(app.jinja_env) == set()

"""No template takes a module for a variable. Pages are read for it in test_gates.py."""

from __future__ import annotations

from types import ModuleType

import pytest
from flask import Flask
from jinja2 import Environment, nodes


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

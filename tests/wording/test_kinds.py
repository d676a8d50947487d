"""A kind of connections is whole: provider, labels, and a sentence for each of its codes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from flask import Flask

import portal
from portal.domain.connections import KINDS
from portal.domain.errors import Code
from portal.domain.jobs import UNREADABLE
from portal.domain.metering import NOT_PUBLISHED
from portal.domain.work import ORDER_CANCELLED
from portal.providers.openstack.members import ROLES
from portal.wording import faults, kinds
from portal.worker.orders import STILL_RUNNING
from portal.worker.providers import PROVIDERS
from portal.worker.usage_fetching import BUSY, OTHER_CURRENCY

FOLDER = Path(portal.__file__).parent
FILES = [*(FOLDER / "providers").rglob("*.py"), FOLDER / "worker" / "providers.py"]
IS_CODE = re.compile("(http|kind|webhook|openstack|lxd)(-[a-z]+)+").fullmatch
OTHERS = {"http-client", "webhook-id", "webhook-timestamp", "webhook-signature"}
"""What looks like a code and is none."""


def strings() -> Iterator[str]:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_kind_that_asks_a_cloud_has_a_provider() -> None:
    assert set(PROVIDERS) == {kind for kind, spec in KINDS.items() if spec.asks}


def test_every_kind_and_every_field_has_its_words() -> None:
    assert set(kinds.NAMES) == set(kinds.MEANINGS) == set(KINDS)
    assert set(kinds.LABELS) == {field.name for spec in KINDS.values() for field in spec.fields}
    assert set(kinds.HINTS) <= set(kinds.LABELS)


def test_credentials_are_named_so_that_no_form_keeps_them() -> None:
    names = {name for spec in KINDS.values() for name in spec.secret_names}
    assert names
    assert all(re.search("password|secret", name) for name in names)


def test_every_code_of_a_provider_has_a_sentence_and_every_sentence_a_code() -> None:
    codes = {text for text in strings() if IS_CODE(text)} - OTHERS
    assert codes
    ours = {Code.CREDENTIALS_UNREADABLE, ORDER_CANCELLED, STILL_RUNNING, UNREADABLE}
    ours |= {BUSY, NOT_PUBLISHED, OTHER_CURRENCY}
    assert codes | ours == set(faults.SENTENCES)


def preflight_of(kind: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse((FOLDER / "providers" / kind / "preflight.py").read_text())))


def texts(nodes: Iterable[ast.AST | None]) -> set[str]:
    return {str(node.value) for node in nodes if isinstance(node, ast.Constant)}


def test_every_right_that_a_kind_needs_has_its_words(app: Flask) -> None:
    calls = [node for node in preflight_of("openstack") if isinstance(node, ast.Call) and node.args]
    tried = [call.args[0] for call in calls if getattr(call.func, "attr", "") == "attempt"]
    roles = {f"grant the role {role}" for role in ROLES.values()}
    lxd = preflight_of("lxd")
    steps = [
        node.value for node in lxd if isinstance(node, ast.AnnAssign) and node.value is not None
    ]
    keys = [key for step in steps if isinstance(step, ast.Dict) for key in step.keys]
    formatted = [node.values[0] for node in lxd if isinstance(node, ast.JoinedStr)]
    named = {text.removesuffix(" (") for text in texts(formatted) if text.endswith(" (")}
    assert texts(tried) | roles | texts(keys) | named == set(faults.RIGHTS)
    assert faults.right("create users (403 no)") == "create users (403 no)"


def test_a_sentence_has_the_facts_and_what_the_cloud_said(app: Flask) -> None:
    facts = {"request": "POST /projects", "said": "admin required"}
    words = faults.sentence("openstack-right-missing", facts)
    assert words.startswith("The user may not do this: POST /projects.")
    assert words.endswith("It says: admin required")
    assert faults.sentence("http-url-wrong") == "The address is not one of a server. Correct it."
    assert faults.sentence("HTTP 503 busy") == "HTTP 503 busy", "a cloud's own words"

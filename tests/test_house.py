"""The house rules that code can break without anyone noticing, held by reading the code.

Who may import whom is held by import-linter: the contracts are in pyproject.toml.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from portal.domain.actions import Action
from portal.domain.errors import Code
from portal.domain.values import CODES
from portal.wording import errors
from tests.support import map as module_map

ROOT = Path(__file__).resolve().parent.parent
PORTAL = ROOT / "portal"
TEMPLATES = PORTAL / "templates"
SURFACES = {
    "account",
    "console",
    "help",
    "invites",
    "mailbox",
    "operator",
    "partner",
}
KINDS_OF_CODE = {
    "utils", "helpers", "common", "misc", "base", "core", "main", "manager", "service", "services",
    "handlers", "models", "forms",
}  # fmt: skip


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def within(path: Path) -> str:
    return path.relative_to(PORTAL).with_suffix("").as_posix()


def surface_of(path: Path) -> str | None:
    first = within(path).partition("/")[0]
    return first if first in SURFACES else None


def faults(paths: list[Path], check: Callable[[Path], Iterator[str]]) -> list[str]:
    """What each file does that it must not, all at once."""
    return [f"{path.relative_to(ROOT)}: {fault}" for path in paths for fault in check(path)]


MODULES = module_map.modules()
DOMAIN = [path for path in MODULES if within(path).startswith("domain/")]


def test_the_domain_never_commits() -> None:
    def check(path: Path) -> Iterator[str]:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Attribute) and node.attr in ("commit", "rollback"):
                yield f"{node.attr} in line {node.lineno}"

    assert faults(DOMAIN, check) == []


def test_the_domain_knows_no_url() -> None:
    def check(path: Path) -> Iterator[str]:
        for node in ast.walk(parsed(path)):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if is_text and re.match(r"/[a-z]", node.value):
                yield f"has {node.value!r} in line {node.lineno}"

    assert faults(DOMAIN, check) == []


def test_a_mail_knows_no_path() -> None:
    def check(path: Path) -> Iterator[str]:
        text = re.sub("{#.*?#}|</[a-z]+>|['\"]mail/", "", path.read_text(), flags=re.DOTALL)
        yield from re.findall(r"/[a-z]+", text)

    assert faults(sorted((TEMPLATES / "mail").rglob("body.*")), check) == []


def test_a_page_of_the_guide_knows_no_path() -> None:
    pages = sorted((PORTAL / "wording" / "guide").glob("*/*.md"))
    assert pages
    assert [path for path in pages if "](/" in path.read_text()] == []


def test_surfaces_lock_nothing_but_the_person_who_comes_first_in_the_order() -> None:
    def check(path: Path) -> Iterator[str]:
        found = re.finditer(r"db\.lock\((\w+)|with_for_update|locks\.", path.read_text())
        yield from (match[0] for match in found if match[1] != "User")

    assert faults([path for path in MODULES if surface_of(path)], check) == []


def test_every_module_has_a_caption_and_is_named_after_a_thing() -> None:
    def check(path: Path) -> Iterator[str]:
        if not module_map.caption(path).endswith("."):
            yield "has no docstring that begins with a caption"
        if path.stem in KINDS_OF_CODE and within(path) != "web/forms":
            yield "is named after a kind of code"

    assert faults(MODULES, check) == []


def is_view(function: ast.FunctionDef) -> bool:
    """Whether a decorator makes the function the view of a URL."""
    calls = [node for node in function.decorator_list if isinstance(node, ast.Call)]
    return any(getattr(call.func, "attr", "") in ("get", "post", "route") for call in calls)


def test_files_functions_and_views_stay_small() -> None:
    def check(path: Path) -> Iterator[str]:
        if (count := path.read_text().count("\n")) > 300:
            yield f"has {count} lines"
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                if size > (20 if is_view(node) else 40):
                    yield f"{node.name} has {size} lines"

    assert faults(MODULES, check) == []


def test_templates_hold_no_script_and_no_style() -> None:
    inline = r"<script(?![^>]*\bsrc=)[^>]*>|<style|\son[a-z]+=|\sstyle=|hx-on"

    def check(path: Path) -> Iterator[str]:
        text = path.read_text()
        if text.count("\n") > (200 if path.name == "ui.html" else 120):
            yield "is too long"
        if "mail" in path.parts:  # mail programs know no style sheet
            return
        # The last one is an attribute without quotes.
        for wrong in (inline, r"\|safe", r"\s[\w-]+=\{\{"):
            yield from (f"has {found[0]!r}" for found in re.finditer(wrong, text))

    assert faults(sorted(TEMPLATES.rglob("*.html")), check) == []


def test_the_map_is_the_modules_captions() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    shown = text.partition("<!-- map -->\n```\n")[2].partition("\n```\n<!-- /map -->")[0]
    assert shown.splitlines() == module_map.lines()


def test_every_requirement_is_pinned_with_hashes_and_each_direct_one_says_why() -> None:
    locked = {}
    version = r"([\w.-]+)(?:\[[\w-]+\])?==([\w.]+)"
    for name in ("requirements", "requirements-dev", "requirements-tools"):
        wanted = re.sub(r"(?m)^(#|-[rc] ).*\n", "", (ROOT / f"{name}.in").read_text())
        direct = matches(rf"{version} +# .+", wanted)
        text = re.sub(r"(?m)^#.*\n", "", (ROOT / f"{name}.txt").read_text()).replace(" \\\n", "")
        locked[name] = matches(rf"{version}(?: ; .+?)?(?:    --hash=sha256:[0-9a-f]{{64}})+", text)
        assert direct.items() <= locked[name].items(), "make lock"
    assert locked["requirements"].items() <= locked["requirements-dev"].items(), "make lock"


def matches(pattern: str, text: str) -> dict[str, str]:
    """The two groups of each line, all of which match."""
    found = [(line, re.fullmatch(pattern, line)) for line in text.splitlines()]
    assert not [line for line, match in found if not match]
    return {match[1]: match[2] for _line, match in found if match}


def test_the_bill_of_materials_names_the_vendored_files() -> None:
    empty = json.dumps({"components": [], "metadata": {}})
    command = [sys.executable, ROOT / "deploy" / "sbom.py"]
    done = subprocess.run(command, input=empty, capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    digests = {component["hashes"][0]["content"] for component in document["components"]}
    vendor = PORTAL / "static" / "vendor"
    files = [file for file in vendor.iterdir() if file.suffix in (".css", ".js", ".svg")]
    assert digests == {hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert document["metadata"]["component"]["name"] == "portal"


def test_every_malformed_code_has_a_sentence_and_every_sentence_a_code() -> None:
    assert set(errors.INVALID) == set(CODES)


def test_every_refusal_in_the_code_has_a_sentence_and_every_sentence_a_refusal() -> None:
    # of subclasses of Refused
    raised = {Code.ROLE_MISSING, Code.REAUTHENTICATION_REQUIRED, Code.CLOUD_ASKED}
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if name in ("Refused", "sentence", "_conflict"):
                parts = [n for arg in node.args for n in ast.walk(arg)]
                attributes = [n for n in parts if isinstance(n, ast.Attribute)]
                raised |= {Code[n.attr] for n in attributes if getattr(n.value, "id", "") == "Code"}
    assert raised == {*errors.REFUSED, *errors.REASONS}


def test_every_code_has_a_sentence_and_no_more() -> None:
    assert set(errors.SENTENCES) == set(Code)


def test_actions_and_codes_are_named_by_their_members() -> None:
    values: set[str] = {*Action, *Code}
    literals = set()
    for path in MODULES:
        is_protocol = within(path).startswith("providers/")  # a webhook's words are its own
        if within(path) not in ("domain/actions", "domain/errors") and not is_protocol:
            nodes = ast.walk(parsed(path))
            literals |= {node.value for node in nodes if isinstance(node, ast.Constant)} & values
    assert literals == {"account-exists"}, "which is also what a mail is called"


def test_templates_compare_with_actions_and_codes_that_exist() -> None:
    text = "".join(path.read_text() for path in TEMPLATES.rglob("*.html"))
    actions = set(re.findall(r"(?:\.action [!=]= |\bmay\()'([^']+)'", text))
    codes = set(re.findall(r"\.code [!=]= '([^']+)'", text))
    assert actions
    assert codes
    assert actions <= set(Action)
    assert codes <= set(Code)


def test_no_file_has_the_two_sides_of_a_merge() -> None:
    for folder in ("portal", "tests", "migrations", "deploy"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".html", ".css", ".js", ".txt", ".md", ".po", ".conf"):
                assert not re.search(r"^(<{7}|>{7}) ", path.read_text(), re.MULTILINE), path

"""The house rules that code can break without anyone noticing, held by reading the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from portal import config
from portal.domain.actions import Action
from portal.domain.errors import Code
from portal.domain.values import CODES
from portal.wording import errors
from tests.support import map as module_map

ROOT = Path(__file__).resolve().parent.parent
PORTAL = ROOT / "portal"
DOMAIN_ORDER = [
    "terms",
    "actions",
    "errors",
    "contact",
    "locks",
    "actor",
    "audit",
    "outbox",
    "identity",
    "once",
    "notice",
    "access",
    "account",
    "cloud",
    "invitation",
    "customer",
    "importing",
    "linking",
    "control",
    "explaining",
    "team",
    "activity",
    "first_steps",
    "feedback",
    "workflows",
]
SURFACES = {
    "auth",
    "console",
    "forgot",
    "help",
    "invites",
    "mailbox",
    "notices",
    "operator",
    "partner",
    "preferences",
    "profile",
}
HTTP = {"flask", "flask_login", "flask_wtf", "flask_babel", "flask_mail", "wtforms", "jinja2"}
KINDS_OF_CODE = {
    "utils", "helpers", "common", "misc", "base", "core", "main", "manager", "service", "services",
    "handlers", "models", "forms",
}  # fmt: skip


def imports(path: Path) -> set[str]:
    """Every module that a file imports, in full: `portal.domain.audit`, `flask`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            is_package = node.module in ("portal", "portal.domain", "portal.console")
            if is_package:
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
            else:
                found.add(node.module)
    return found


def within(path: Path) -> str:
    return path.relative_to(PORTAL).with_suffix("").as_posix()


def surface_of(path: Path) -> str | None:
    first = within(path).partition("/")[0]
    return first if first in SURFACES else None


MODULES = module_map.modules()
DOMAIN = [path for path in MODULES if within(path).startswith("domain/")]


@pytest.mark.parametrize("path", DOMAIN, ids=within)
def test_the_domain_knows_no_http_and_no_surface(path: Path) -> None:
    for name in imports(path):
        top = name.partition(".")[0]
        assert top not in HTTP, name
        assert top != "portal" or name == "portal.db" or name.startswith("portal.domain"), name


@pytest.mark.parametrize("path", DOMAIN[1:], ids=within)
def test_domain_modules_import_only_those_above_them(path: Path) -> None:
    own = within(path).split("/")[1]
    for name in imports(path):
        if name.startswith("portal.domain."):
            other = name.split(".")[2]
            assert DOMAIN_ORDER.index(other) <= DOMAIN_ORDER.index(own), f"{own} imports {other}"


def test_the_order_of_the_domain_is_written_where_it_is_read() -> None:
    text = (PORTAL / "domain" / "__init__.py").read_text()
    assert re.findall(r"[a-z_]+", text.partition("above them:")[2]) == DOMAIN_ORDER


@pytest.mark.parametrize("path", DOMAIN, ids=within)
def test_the_domain_never_commits(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        is_commit = isinstance(node, ast.Attribute) and node.attr in ("commit", "rollback")
        assert not is_commit, f"{path.name}:{getattr(node, 'lineno', 0)}"


@pytest.mark.parametrize("path", DOMAIN, ids=within)
def test_the_domain_knows_no_url(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not re.match(r"/[a-z]", node.value), f"{path.name}:{node.lineno}"


@pytest.mark.parametrize(
    "path", sorted((PORTAL / "templates" / "mail").rglob("body.*")), ids=lambda p: p.parent.name
)
def test_a_mail_knows_no_path(path: Path) -> None:
    text = re.sub("{#.*?#}|</[a-z]+>", "", path.read_text(), flags=re.DOTALL)
    text = text.replace("'mail/", "").replace('"mail/', "")
    assert not re.search(r"/[a-z]", text)


@pytest.mark.parametrize("path", sorted((PORTAL / "guide").glob("*/*.md")), ids=lambda p: p.stem)
def test_a_page_of_the_guide_knows_no_path(path: Path) -> None:
    assert "](/" not in path.read_text()


@pytest.mark.parametrize("module", ["tokens", "urls"])
def test_what_mail_and_surfaces_share_imports_nothing_of_ours(module: str) -> None:
    assert not [name for name in imports(PORTAL / f"{module}.py") if name.startswith("portal")]


@pytest.mark.parametrize("path", [p for p in MODULES if surface_of(p)], ids=within)
def test_surfaces_know_neither_sql_nor_mail_nor_each_other(path: Path) -> None:
    own = surface_of(path)
    for name in imports(path):
        assert not name.startswith(("sqlalchemy", "portal.mail.", "portal.worker")), name
        assert name not in ("portal.mail", "portal.worker", "portal.providers"), name
        if name.startswith("portal."):
            other = name.split(".")[1]
            assert other not in SURFACES or other == own, f"{own} imports {other}"


@pytest.mark.parametrize("path", [p for p in MODULES if surface_of(p)], ids=within)
def test_surfaces_lock_nothing_but_the_person_who_comes_first_in_the_order(path: Path) -> None:
    locked = re.findall(r"db\.lock\((\w+)|with_for_update|locks\.", path.read_text())
    assert set(locked) <= {"User"}, "verbs lock, in the one order of portal/domain/locks.py"


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("mail", {"portal.web", *(f"portal.{s}" for s in SURFACES)}),
        ("worker", {"portal.web", *(f"portal.{s}" for s in SURFACES)}),
        ("web", {"portal.mail", "portal.worker", "sqlalchemy"}),
    ],
)
def test_mail_worker_and_web_stay_in_their_rooms(module: str, never: set[str]) -> None:
    files = [path for path in MODULES if within(path).partition("/")[0] == module]
    assert files
    assert not set().union(*map(imports, files)) & never


@pytest.mark.parametrize("name", ["config", "db"])
def test_settings_and_database_import_nothing_of_ours(name: str) -> None:
    files = [path for path in MODULES if within(path).partition("/")[0] == name]
    assert files
    ours = {one for one in set().union(*map(imports, files)) if one.startswith("portal")}
    assert all(one.startswith(f"portal.{name}") for one in ours), ours


@pytest.mark.parametrize("path", MODULES, ids=within)
def test_every_module_has_a_caption_and_is_named_after_a_thing(path: Path) -> None:
    assert module_map.caption(path).endswith("."), "a docstring that begins with a caption"
    assert path.stem not in KINDS_OF_CODE or within(path) == "web/forms"


@pytest.mark.parametrize("path", MODULES, ids=within)
def test_files_functions_and_views_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 300
    assert max(map(len, text.splitlines()), default=0) <= 100
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            assert size <= 40, f"{node.name} has {size} lines"


@pytest.mark.parametrize(
    "path", sorted((PORTAL / "templates").rglob("*.html")), ids=lambda p: p.name
)
def test_templates_hold_no_script_and_no_style(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= (200 if path.name == "ui.html" else 120)
    if "mail" in path.parts:  # mail programs know no style sheet
        return
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\son[a-z]+=|\sstyle=|hx-on", text)
    assert not re.search(r"\s[\w-]+=\{\{", text), "an attribute without quotes"
    assert "|safe" not in text


def test_the_map_in_the_readme_is_the_modules_captions() -> None:
    assert "\n".join(module_map.lines()) in (ROOT / "README.md").read_text()


def test_the_settings_in_the_readme_are_the_settings() -> None:
    readme = (ROOT / "README.md").read_text()
    shown = readme.partition("<!-- settings -->\n")[2].partition("\n<!-- /settings -->")[0]
    assert shown == config.readme_table()


def test_every_requirement_is_pinned() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            requirement = line.partition("#")[0].strip()
            if requirement and not requirement.startswith("-r"):
                assert re.fullmatch(r"[\w.\[\]-]+==[\w.]+", requirement), requirement


def test_every_malformed_code_has_a_sentence_and_every_sentence_a_code() -> None:
    assert set(errors.INVALID) == set(CODES)


def test_every_refusal_in_the_code_has_a_sentence_and_every_sentence_a_refusal() -> None:
    raised = {Code.ROLE_MISSING}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if name in ("Refused", "sentence", "_taken"):
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
        if within(path) not in ("domain/actions", "domain/errors"):
            nodes = ast.walk(ast.parse(path.read_text()))
            literals |= {node.value for node in nodes if isinstance(node, ast.Constant)} & values
    assert literals == {"account-exists"}, "which is also what a mail is called"


def test_templates_compare_with_actions_and_codes_that_exist() -> None:
    text = "".join(path.read_text() for path in (PORTAL / "templates").rglob("*.html"))
    actions = set(re.findall(r"(?:\.action [!=]= |\bmay\()'([^']+)'", text))
    codes = set(re.findall(r"\.code [!=]= '([^']+)'", text))
    assert actions
    assert codes
    assert actions <= set(Action)
    assert codes <= set(Code)


def test_nothing_is_left_to_do_in_comments() -> None:
    for folder in ("portal", "tests", "migrations"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not re.search(
                r"#\s*(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b", path.read_text()
            ), path


def test_no_file_has_the_two_sides_of_a_merge() -> None:
    for folder in ("portal", "tests", "migrations", "deploy"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".html", ".css", ".js", ".txt", ".md", ".po", ".conf"):
                assert not re.search(r"^(<{7}|>{7}) ", path.read_text(), re.MULTILINE), path

"""Security rules that code, scripts or settings can break without anyone noticing."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.support import map as module_map

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "portal" / "templates"
SCRIPTS = sorted((ROOT / "portal" / "static").glob("*.js"))

EVALUATES = {"eval", "exec", "compile", "render_template_string", "from_string", "Template"}
STARTS_A_SHELL = {"system", "popen", "getoutput", "getstatusoutput"}
READS_OBJECTS_OR_XML = {"pickle", "marshal", "shelve", "yaml", "xml", "lxml", "defusedxml"}
FETCHES_URLS = {"requests", "httpx", "urllib3", "aiohttp", "urllib.request", "http.client"}
IN_SCRIPTS = {
    "HTML out of text": r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc",
    "text as a program": r"\beval\(|new Function|set(Timeout|Interval)\(['\"`]",
    "a store in the browser": r"localStorage|sessionStorage|indexedDB|document\.cookie|caches\.",
    "messages of other windows": r"postMessage|'message'",
    "pasting": r"'paste'|onpaste",
    "loose comparison": r"[^=!]==[^=]|!=[^=]",
    "prototypes of objects": r"__proto__|\.prototype|Object\.assign",
}


def test_the_code_evaluates_no_text_and_reads_no_objects() -> None:
    def faults(path: Path) -> Iterator[str]:
        for node in ast.walk(ast.parse(path.read_text())):
            name, line = "", getattr(node, "lineno", 0)
            if isinstance(node, ast.Call):
                is_plain = isinstance(node.func, ast.Name)
                name = node.func.id if isinstance(node.func, ast.Name) else ""
                name = node.func.attr if isinstance(node.func, ast.Attribute) else name
                if name in EVALUATES - (set() if is_plain else {"compile"}) | STARTS_A_SHELL:
                    yield f"{path.name}:{line} calls {name}"
                if any(keyword.arg == "shell" for keyword in node.keywords):
                    yield f"{path.name}:{line} starts a shell"
            for name in imports(node):
                if name.partition(".")[0] in READS_OBJECTS_OR_XML:
                    yield f"{path.name}:{line} imports {name}"

    assert [fault for path in module_map.modules() for fault in faults(path)] == []


def test_urls_are_fetched_by_the_guarded_client_alone() -> None:
    fetching = {
        path.relative_to(ROOT / "portal").as_posix()
        for path in module_map.modules()
        for node in ast.walk(ast.parse(path.read_text()))
        for name in imports(node)
        if {name, name.partition(".")[0]} & FETCHES_URLS
    }
    assert fetching == {"providers/http_client.py"}


def imports(node: ast.AST) -> list[str]:
    """The modules that this statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_scripts_write_text_alone_and_keep_nothing() -> None:
    assert SCRIPTS
    found = {
        f"{path.name}: {what}"
        for path in SCRIPTS
        for what, pattern in IN_SCRIPTS.items()
        if re.search(pattern, path.read_text())
    }
    assert found == set()
    assert '"allowEval": false' in (TEMPLATES / "base.html").read_text()


def test_every_password_is_masked_and_open_to_password_managers() -> None:
    kinds = [
        kind
        for path in (ROOT / "portal" / "account").glob("*.py")
        for kind in re.findall(r"^    \w*password\w* = (\w+Field)\(", path.read_text(), re.M)
    ]
    assert set(kinds) == {"PasswordField"}
    fields = [
        field
        for path in TEMPLATES.rglob("*.html")
        for field in re.findall(r"ui\.field\(form\.\w*password.*?\) ?}}", path.read_text())
    ]
    assert len(fields) == len(kinds)
    for field in fields:
        assert re.search(r"autocomplete='(new|current)-password'", field), field


def test_the_linter_looks_for_dangerous_calls_everywhere_in_the_portal() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    assert not [rule for rule in lint["ignore"] if rule.startswith("S")]
    ignored = {path for path, rules in lint["per-file-ignores"].items() if "S" in "".join(rules)}
    assert ignored == {"tests/**", "bench/**", "migrations/versions/**"}


def test_nginx_speaks_no_older_tls_than_1_2_lists_no_folder_and_asks_one_server() -> None:
    site = (ROOT / "deploy" / "nginx.conf").read_text()
    assert re.findall("ssl_protocols (.*);", site) == ["TLSv1.2 TLSv1.3"]
    assert "autoindex" not in site
    assert set(re.findall("_pass (.*);", site)) == {"http://portal"}


def test_the_stand_in_certificate_has_128_bits_of_security() -> None:
    script = (ROOT / "deploy" / "install").read_text()
    assert re.findall("-newkey (.*?) -nodes", script) == [
        "ec -pkeyopt ec_paramgen_curve:prime256v1"
    ]


def test_a_server_gets_files_without_the_history_of_their_source() -> None:
    assert (
        'git -C "$HOME_DIR/source.git" archive "$1" | tar -x'
        in (ROOT / "deploy" / "installation.sh").read_text()
    )
    copied = re.findall("^COPY (.*) ", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    assert not {".", ".git"} & {source for sources in copied for source in sources.split()}

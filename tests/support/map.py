"""The map of modules: each with its caption, as `make map` writes it into docs/architecture.md."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def caption(path: Path) -> str:
    """The first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return text.partition("\n")[0]


def modules() -> list[Path]:
    """Every module of the portal, packages before what is in them."""
    found = (ROOT / "portal").rglob("*.py")
    return sorted(found, key=lambda path: [*path.parent.parts, path.stem.replace("__init__", "")])


def lines() -> list[str]:
    """The map."""
    shown = []
    for path in modules():
        parts = path.relative_to(ROOT).parts
        is_package = path.name == "__init__.py"
        name = f"{parts[-2]}/" if is_package else parts[-1]
        depth = len(parts) - (2 if is_package else 1)
        shown.append(f"{'  ' * depth + name:<24} {caption(path)}")
    return shown


def write_map() -> None:
    """Put the map between its marks."""
    page = ROOT / "docs" / "architecture.md"
    before, _, rest = page.read_text().partition("<!-- map -->\n")
    after = rest.partition("<!-- /map -->")[2]
    shown = "\n".join(["```", *lines(), "```"])
    page.write_text(f"{before}<!-- map -->\n{shown}\n<!-- /map -->{after}")


if __name__ == "__main__":
    write_map()

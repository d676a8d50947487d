"""The map of modules and their captions, which `make map` writes to docs/architecture.md."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def caption(path: Path) -> str:
    """The first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return text.partition("\n")[0]


def modules() -> list[Path]:
    """The path of every module of the portal, each package before its modules."""
    paths = (ROOT / "portal").rglob("*.py")
    return sorted(paths, key=lambda path: [*path.parent.parts, path.stem.replace("__init__", "")])


def lines() -> list[str]:
    """The lines of the map."""
    entries = []
    for path in modules():
        parts = path.relative_to(ROOT).parts
        is_package = path.name == "__init__.py"
        name = f"{parts[-2]}/" if is_package else parts[-1]
        depth = len(parts) - (2 if is_package else 1)
        entries.append(f"{'  ' * depth + name:<24} {caption(path)}")
    return entries


def write_map() -> None:
    """Write the map between its marks."""
    page = ROOT / "docs" / "architecture.md"
    before, _, rest = page.read_text().partition("<!-- map -->\n")
    after = rest.partition("<!-- /map -->")[2]
    block = "\n".join(["```", *lines(), "```"])
    page.write_text(f"{before}<!-- map -->\n{block}\n<!-- /map -->{after}")


if __name__ == "__main__":
    write_map()

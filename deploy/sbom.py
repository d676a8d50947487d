"""Complete a CycloneDX document: from stdin, with the portal and its vendored files, to stdout.

`make sbom` runs this after cyclonedx-py, which knows the Python packages alone.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "portal" / "static" / "vendor"


def vendored() -> Iterator[dict[str, Any]]:
    """A component for each row of the table in the vendor folder's README."""
    for line in (VENDOR / "README.md").read_text().splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
            file, _what, version, licence, package = cells
            content = (VENDOR / file.strip("`")).read_bytes()
            name = package.split("`")[1]
            yield {
                "bom-ref": f"vendored-{name}",
                "type": "library",
                "name": name,
                "version": version,
                "purl": f"pkg:npm/{name}@{version}",
                "licenses": [{"license": {"name": licence.partition(", `")[0]}}],
                "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}],
            }


def main() -> None:
    document = json.load(sys.stdin)
    for component in document["components"]:
        del component["description"]  # the line of requirements.txt, with all its hashes
    document["components"] += vendored()
    commit = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    version = subprocess.run(commit, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    document["metadata"]["component"] = {
        "bom-ref": "portal",
        "type": "application",
        "name": "portal",
        "version": version,
    }
    json.dump(document, sys.stdout, indent=1)


main()

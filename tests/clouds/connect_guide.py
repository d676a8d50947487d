"""What docs/connect-openstack.md says to type and to write."""

from __future__ import annotations

import re

from tests.support.processes import ROOT

TEXT = (ROOT / "docs" / "connect-openstack.md").read_text()


def blocks(language: str) -> list[str]:
    """The blocks of code in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)

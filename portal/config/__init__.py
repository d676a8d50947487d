"""The settings in force: `config.current().mail_port`.

The README's table is made of `SETTINGS`, and a test holds the two together. What Flask itself reads
is in `app.config`; settings of ours are not.
"""

from __future__ import annotations

from flask import current_app

from portal.config.load import MIN_SECRET_LENGTH, Unsafe, load
from portal.config.settings import (
    DOMAINS_EXPECTED,
    LOOPBACK,
    ROOT,
    SETTINGS,
    Setting,
    Settings,
    mailbox_dir,
    readme_table,
)

MAX_BODY_BYTES = 256 * 1024
MAX_FILE_BYTES = 4 * 1024 * 1024
"""Of an import: 5,000 customers with 800 bytes each."""


def current() -> Settings:
    """The settings of the running application."""
    settings: Settings = current_app.extensions["settings"]
    return settings

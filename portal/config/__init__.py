"""The settings in force: `config.current().mail_port`.

The table in `docs/settings.md` is made from `SETTINGS`; a test compares them. `app.config` holds
only what Flask and its extensions read.
"""

from __future__ import annotations

from flask import current_app

from portal.config.audit_keys import add_audit_key, read_audit_keys
from portal.config.credentials_keys import add_credentials_key, read_credentials_keys
from portal.config.hosts import LOOPBACK, in_url, is_trusted, trusted
from portal.config.in_force import texts_in_force
from portal.config.load import MIN_SECRET_LENGTH, UnsafeSettings, load
from portal.config.local_run import is_only_for_this_machine, mailbox_dir
from portal.config.parsing import DOMAINS_EXPECTED
from portal.config.settings import (
    ROOT,
    SETTINGS,
    Setting,
    Settings,
)
from portal.config.settings_table import settings_table
from portal.config.version import version

MAX_BODY_BYTES = 256 * 1024
MAX_FILE_BYTES = 4 * 1024 * 1024
"""The size of an import's file: 5,000 customers of 800 bytes each."""


def current() -> Settings:
    """The settings of the running application."""
    settings: Settings = current_app.extensions["settings"]
    return settings

"""The server's entry point; `flask` commands load the application from here."""

import os

os.umask(0o077)  # before anything is written: database, mailbox and backups are private

from portal import create_app  # noqa: E402
from portal.config import UnsafeSettings  # noqa: E402

try:
    app = create_app()
except UnsafeSettings as error:
    raise SystemExit(str(error)) from None

"""The server's entry point; `flask` commands load the application from here."""

import os

from portal import create_app
from portal.cli.serve import OtherMoney, refuse_other_money
from portal.config import UnsafeSettings

os.umask(0o077)  # whatever a command writes is private: database, mailbox, backup

try:
    app = create_app()
    refuse_other_money(app)
except (UnsafeSettings, OtherMoney) as error:
    raise SystemExit(str(error)) from None

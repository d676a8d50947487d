"""The server's entry point; `flask` commands load the application from here."""

import gc
import os

gc.disable()  # a sixth of a start would be a search for garbage in modules, which stay
from portal import create_app  # noqa: E402
from portal.cli.serve import OtherMoney, refuse_other_money  # noqa: E402
from portal.config import UnsafeSettings  # noqa: E402

os.umask(0o077)  # whatever a command writes is private: database, mailbox, backup

try:
    app = create_app()
    refuse_other_money(app)
except (UnsafeSettings, OtherMoney) as error:
    raise SystemExit(str(error)) from None
finally:
    gc.enable()
gc.freeze()

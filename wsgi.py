"""The server's entry point; `flask` commands load the application from here."""

from portal import create_app
from portal.config import UnsafeSettings

try:
    app = create_app()
except UnsafeSettings as error:
    raise SystemExit(str(error)) from None

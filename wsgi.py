"""The server's entry point, and the application that `flask` commands find."""

from portal import create_app
from portal.config import Unsafe

try:
    app = create_app()
except Unsafe as error:
    raise SystemExit(str(error)) from None

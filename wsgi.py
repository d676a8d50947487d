"""The server's entry point, and the application that `flask` commands find."""

from portal import create_app

app = create_app()

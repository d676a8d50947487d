"""The example of the kind webhook as a process, and a way to look at it and change it by hand.

`python -m tests.providers.webhook_system` says its port and serves. Beside what the portal calls it
answers `POST /by-hand` with a JSON list: the name of a function below, and its arguments.
"""

from __future__ import annotations

import json
from http.server import HTTPServer
from typing import Any

from examples import webhook_cloud as example


def sign_in(secret: str) -> bool:
    return any(
        known == secret and not cloud.get("is_suspended")
        for key, known in example.SECRETS.items()
        if (cloud := example.CLOUDS.get(key.split()[0])) is not None
    )


def create(external_id: str, name: str) -> None:
    cloud = {"external_id": external_id, "our_id": "", "name": name, "members": {}}
    example.CLOUDS[external_id] = cloud


def delete(external_id: str) -> None:
    del example.CLOUDS[external_id]


def delete_member(external_id: str, member: str) -> None:
    del example.CLOUDS[external_id]["members"][member]
    for key in [key for key in example.SECRETS if key.startswith(f"{external_id} {member} ")]:
        del example.SECRETS[key]


BY_HAND = {function.__name__: function for function in (sign_in, create, delete, delete_member)}


class Handler(example.Handler):
    def do_POST(self) -> Any:  # noqa: N802 - the name is the base class's
        if self.path != "/by-hand":
            return super().do_PUT()
        name, *arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return self.answer(200, {"result": BY_HAND[name](*arguments)})


if __name__ == "__main__":
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        print("port", server.server_port, flush=True)
        server.serve_forever()

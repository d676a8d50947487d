"""A pretended cloud for a connection of the kind webhook; a model for a real program.

WEBHOOK_SECRET=whsec_... python webhook_cloud.py 8099 [file that keeps what there is]
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
CLOUDS = {}  # by external ID
SECRETS = {}  # by external ID, member and access, with blanks between
ANSWERED = {}  # by webhook-id: an order that comes again gets its answer again


def carry_out(order):
    """Carry out the order; returns the status and the answer."""
    kind, external_id = order["type"], order.get("external_id") or order.get("operation")
    cloud, member = CLOUDS.get(external_id), order.get("member", {}).get("id")
    match kind:
        case "preflight":
            return 200, {"abilities": ["suspend", "access", "limits"]}
        case "cloud.list":
            return 200, {"rows": list(CLOUDS.values())}
        case "cloud.ensure":
            return create(order["our_id"], order["name"])
        case _ if cloud is None:
            return 410, {}
        case "cloud.is_empty":
            return 200, {"is_empty": True}  # nothing can be in a pretended cloud
        case "cloud.find" | "operation.get":
            pass
        case "cloud.change" if cloud["our_id"] in ("", order["our_id"]):
            cloud["name"], cloud["our_id"] = order["name"], order["our_id"]
            cloud["limits"] = order["limits"]
        case "cloud.change":
            return 409, {"description": f"it is the cloud {cloud['our_id']}"}
        case "cloud.suspend" | "cloud.resume" | "cloud.close":
            cloud["is_suspended"] = kind != "cloud.resume"
        case "member.grant":
            cloud["members"][member] = order["role"]
        case "member.revoke":
            cloud["members"].pop(member, None)
            for key in [key for key in SECRETS if key.startswith(f"{external_id} {member} ")]:
                del SECRETS[key]
        case "access.create" if member in cloud["members"]:
            SECRETS[f"{external_id} {member} {order['access_id']}"] = order["secret"]
            return 200, {"how": "text", "text": order["secret"], "expires": order["until"]}
        case "access.withdraw":
            SECRETS.pop(f"{external_id} {member} {order['access_id']}", None)
        case _:
            return 400, {"description": f"{kind} is not possible here"}
    return 200, cloud


def create(our_id, name):
    """Create the cloud; the portal asks whether it is ready after `Retry-After` seconds."""
    external_id = f"project-{our_id}"
    if external_id not in CLOUDS:
        if any(cloud["name"] == name and not cloud["our_id"] for cloud in CLOUDS.values()):
            return 409, {"description": "a project that the portal did not make has this name"}
        CLOUDS[external_id] = {"external_id": external_id, "our_id": our_id, "name": name}
        CLOUDS[external_id]["members"] = {}
        return 202, {"operation": external_id}
    return 200, CLOUDS[external_id]


class Handler(BaseHTTPRequestHandler):
    """Answers what is signed with the secret and at most five minutes old."""

    timeout = 5

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        webhook_id, sent_at = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        signed = f"{webhook_id}.{sent_at}.".encode() + body
        signature = b"v1," + base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256))
        given = self.headers.get("webhook-signature", "").encode()
        is_ours = hmac.compare_digest(given, signature)
        if not is_ours or abs(time.time() - int(sent_at)) > 300:
            return self.answer(401, {})
        if webhook_id not in ANSWERED:
            status, answer = carry_out(json.loads(body))
            if STATE:
                STATE.write_text(json.dumps([CLOUDS, SECRETS]))
            if status >= 300:
                return self.answer(status, answer)
            ANSWERED[webhook_id] = status, json.loads(json.dumps(answer))
        return self.answer(*ANSWERED[webhook_id])

    def do_POST(self):
        self.do_PUT()

    def answer(self, status, answer):
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Retry-After", "3")
        self.end_headers()
        self.wfile.write(content)


STATE = Path(sys.argv[2]) if len(sys.argv) > 2 else None
if STATE and STATE.exists():
    CLOUDS, SECRETS = json.loads(STATE.read_text())

if __name__ == "__main__":
    with HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()

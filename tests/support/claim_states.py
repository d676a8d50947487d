"""The states of the pages of registered clouds, of drift and of mapped people."""

from __future__ import annotations

from portal.demo.people import INGRID, PIET
from tests.support.page_paths import click, send, send_invalid
from tests.support.page_states import state

NINA = "nina@quillmoor.example"
REGISTER, OPERATOR_CLAIMS = "/console/claims/register", "/operator/claims"
RACK = {"external_id": "21f4a6c2b0d94e1c8a70c3b1d5e6f708", "name": "Old racks"}
DRIFT, MAP = "{paris}/drift", "{paris}/people/map"
UNMAP = click("[id^=unmap]")
AS_PIET = {"email": PIET, "provider": "corporate", "subject": "piet@corp.example"}
LIMITS, WRONG = click("[id^=limits]"), send_invalid(cpu="many", memory="64")
CLAIMS = [
    state("claim-register", "claims.register", NINA, REGISTER),
    state("claim-register-faults", "claims.register", NINA, REGISTER, send_invalid()),
    state("claim", "claims.show", NINA, REGISTER, send("#claim", **RACK)),
    state("claim-home", "console.home", NINA, "/console"),
    state("claim-link", "linking.link", NINA, "{subaccount}/link"),
    state("operator-claims", "operator.show_claims", INGRID, OPERATOR_CLAIMS),
    state(
        "operator-claim-verify",
        "operator.verify_claim",
        INGRID,
        OPERATOR_CLAIMS,
        click("[id^=verify]"),
    ),
    state(
        "operator-claim-refuse",
        "operator.refuse_claim",
        INGRID,
        OPERATOR_CLAIMS,
        click("[id^=refuse]"),
    ),
    state("operator-mappings-none", "operator.show_mappings", INGRID, "{paris}/people"),
    state("operator-map", "operator.map_person", INGRID, MAP, send_invalid(email="x")),
    state("operator-mappings", "operator.show_mappings", INGRID, MAP, send(**AS_PIET)),
    state("operator-unmap", "operator.unmap_person", INGRID, MAP, send(**AS_PIET), UNMAP),
    state("operator-clouds", "operator.show_clouds", INGRID, "{paris}/clouds"),
    state("operator-clouds-none", "operator.show_clouds", INGRID, "{paris}/clouds?q=none"),
    state("operator-limits", "operator.limit_cloud", INGRID, "{paris}/clouds", LIMITS),
    state("operator-limits-new", "operator.limit_new_clouds", INGRID, "{paris}/limits", WRONG),
    state("operator-drift", "operator.show_drift", INGRID, DRIFT),
    state("operator-drift-none", "operator.show_drift", INGRID, "{connection}/drift"),
    state("operator-adopt", "operator.adopt_drift", INGRID, DRIFT, click("[id^=adopt]")),
    state(
        "operator-restore",
        "operator.restore_drift",
        INGRID,
        DRIFT,
        click("[id^=restore]"),
    ),
    state("operator-drift-done", "operator.check_drift", INGRID, DRIFT, click("[id^=done]")),
    state(
        "operator-assign",
        "operator.assign_cloud",
        INGRID,
        DRIFT,
        click("[href*='/assign']"),
    ),
]

"""What was typed when a session was found dead: carried through sign-in, and shown once more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict

from portal import db, web
from portal.domain import identity
from portal.domain.identity import SavedForm


def saved_input() -> dict[str, Any]:
    """What a form is built with: `Form(**carried.shown_again())` shows once more what had been
    typed before the session was found dead."""
    key = request.args.get("kept", "")
    kept = db.find(SavedForm, key, web.actor()) if key and request.method != "POST" else None
    return {} if kept is None else {"formdata": MultiDict(kept.fields)}


def pack(form: Mapping[str, Any]) -> str:
    """The fields of a POST that came too late, as text for a hidden field; never passwords."""
    lists = form.to_dict(flat=False) if isinstance(form, MultiDict) else dict(form)
    return json.dumps(
        {
            name: values
            for name, values in lists.items()
            if name not in web.NEVER_SAVED and "password" not in name
        }
    )


def save(carried: str, user_id: str) -> str | None:
    """Store carried fields for their owner; returns the key for the form's URL."""
    try:
        fields = json.loads(carried)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not fields:
        return None
    clean = {str(k): [str(v) for v in vs] for k, vs in fields.items() if isinstance(vs, list)}
    return db.write(lambda: identity.save_form(user_id, clean))

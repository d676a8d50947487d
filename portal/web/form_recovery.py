"""Preserve form input while the user signs in, or confirms with their password."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict

from portal import db, web
from portal.domain import identity
from portal.domain.identity import SavedForm


def saved_input(*, with_field: str = "") -> dict[str, Any]:
    """Return the keyword arguments of a form that show the input saved before sign-in; none where
    nothing is saved: `Form(**form_recovery.saved_input())`. On a page of several forms,
    `with_field` is a field that only the input of this one has."""
    key = request.args.getlist("kept")[-1:]
    saved = db.find(SavedForm, key[0], web.actor()) if key and request.method != "POST" else None
    if saved is None or (with_field and with_field not in saved.fields):
        return {}
    return {"formdata": MultiDict(saved.fields)}


def pack(form: Mapping[str, Any]) -> str:
    """Return the fields of a POST as JSON for a hidden field, without passwords, secrets and
    tokens."""
    lists = form.to_dict(flat=False) if isinstance(form, MultiDict) else dict(form)
    return json.dumps(
        {
            name: values
            for name, values in lists.items()
            if name not in web.NEVER_SAVED and not web.is_secret(name)
        }
    )


def save(packed: str, user_id: str, path: str) -> str:
    """Store packed fields for the user; return the path that shows them in the form at `path`, or
    `path` itself where there are none."""
    try:
        fields = json.loads(packed)
    except (ValueError, RecursionError):
        return path
    if not isinstance(fields, dict) or not fields:
        return path
    clean = {str(k): [str(v) for v in vs] for k, vs in fields.items() if isinstance(vs, list)}
    key = db.write(lambda: identity.save_form(user_id, clean))
    return f"{path}{'&' if '?' in path else '?'}kept={key}"

"""HTTP plumbing of all surfaces: gates, lookup, forms, submit, pages, errors, headers."""

from portal.web.csv import Interrupted
from portal.web.forms import (
    EMAIL,
    NEVER_SAVED,
    REQUIRED,
    CreatingForm,
    FileForm,
    Form,
    is_secret,
    normalise_with,
    number,
)
from portal.web.gates import (
    client_network,
    gate,
    is_local_request,
    is_utf8,
    refuse_ungated,
    require_local_request,
    require_recent_sign_in,
    require_sign_in,
    require_text,
    takes_file,
)
from portal.web.headers import keep_in_browser
from portal.web.lookup import find_or_404, same_or_404
from portal.web.pages import (
    csv_file,
    external_url,
    htmx_redirect,
    is_cross_origin,
    is_partial,
    page,
    return_path,
    safe_path,
    this_path,
)
from portal.web.pagination import number_before, paginate
from portal.web.refusals import log_refusal
from portal.web.submit import form_page, submit
from portal.web.surfaces import Surface, actor, actor_or_none

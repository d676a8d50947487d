"""What every surface needs of HTTP: page or fragment, find or 404, gates, forms."""

from portal.web.forms import ADDRESS, NEVER_SAVED, REQUIRED, CreatingForm, Form, normalised_by
from portal.web.gates import (
    Visitor,
    actor,
    client_network,
    gate,
    is_utf8,
    refuse_ungated,
    require_sign_in,
    require_text,
    signed_in,
    takes_file,
)
from portal.web.lookup import find_or_404, same_or_404
from portal.web.pages import (
    csv_file,
    external,
    here,
    htmx_redirect,
    is_from_elsewhere,
    is_partial,
    own_path,
    page,
)
from portal.web.submit import submit

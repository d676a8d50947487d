"""Connections: named places where clouds live, each of a kind; one is the default for new clouds.

A cloud stays on its connection for life. A connection is closed for new clouds, never removed.
"""

from portal.domain.connections.callbacks import (
    Callback,
    Message,
    accept_callback,
    is_called_back,
    is_new_callback,
    purge_expired,
    verify_callback,
)
from portal.domain.connections.credentials import (
    configure_keys,
    has_key,
    open_sealed,
    reseal_next,
    seal,
    unreadable_connections,
    unseal,
)
from portal.domain.connections.kinds import KINDS, Field, Kind, KindSpec
from portal.domain.connections.lifecycle import (
    add,
    change,
    close,
    default,
    limit_new_clouds,
    make_default,
    queue_test,
    record_test,
)
from portal.domain.connections.limits import LIMITS, check_limit, parse_limits
from portal.domain.connections.record import (
    BUILTIN_ID,
    MAX_NAME_LENGTH,
    Connection,
    Findings,
    connections_for,
    find,
)

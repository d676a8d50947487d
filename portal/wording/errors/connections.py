"""Error messages of connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _

from portal.domain.errors import Code
from portal.wording import faults

SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Code.CONNECTION_NAME_TAKEN: lambda f: _("Another connection has this name."),
    Code.CONNECTION_CLOSED: lambda f: _("This connection is closed for new clouds."),
    Code.CONNECTION_DEFAULT: lambda f: _(
        "New clouds are created on this connection. Make another one the default first."
    ),
    Code.CONNECTION_UNTESTABLE: lambda f: _("A connection of this kind asks nobody: it works."),
    Code.CONNECTION_UNTESTED: lambda f: _(
        "It was not tested with these settings. Test it first: new clouds would be created here."
    ),
    Code.CONNECTION_TEST_FAILED: lambda f: _(
        "Its last test failed. Correct that, and test it again. %(reason)s",
        reason=faults.sentence(f["fault"], f["facts"]),
    ),
    Code.CLAIMS_MANY: lambda f: _(
        "You have registered %(limit)s clouds within a day. Try again tomorrow.", limit=f["limit"]
    ),
    Code.CLAIM_OVER: lambda f: _("This registration is over. Look at the list again."),
    Code.CLAIM_JUST_CHECKED: lambda f: _("It was checked less than a minute ago."),
    Code.CLAIM_AUTHOR: lambda f: _(
        "The person who registered it can’t let this account pay any more."
    ),
    Code.DRIFT_OVER: lambda f: _("This is decided, or does not differ any more."),
    Code.FOREIGN_CLOUD_OVER: lambda f: _(
        "This cloud is assigned, or the connection does not have it any more."
    ),
    Code.ACCOUNT_UNKNOWN: lambda f: _("There is no account with this ID."),
    Code.EXTERNAL_ID_MISSING: lambda f: _("Enter the ID that the new cloud has there."),
    Code.EXTERNAL_ID_TAKEN: lambda f: _("Another cloud of this connection has this ID."),
    Code.CREDENTIALS_KEY_MISSING: lambda f: _(
        "There is no key to seal credentials with. Set CREDENTIALS_KEY_FILE, then run "
        "flask connection rekey."
    ),
    Code.CONNECTION_UNFEDERATED: lambda f: _(
        "People can’t sign in to this connection with an identity of their own. Test it first."
    ),
    Code.LIMITS_NOT_OFFERED: lambda f: _(
        "Clouds of this connection can’t be limited here. If it should be possible, test it."
    ),
    Code.IDENTITY_TAKEN: lambda f: _("Another person is mapped to this identity."),
    Code.CLOUD_NOT_READY: lambda f: _(
        "The cloud is still being created. Try again when it is ready."
    ),
    Code.CLOUD_SUSPENDED: lambda f: _("The cloud is suspended, and refuses everybody."),
    Code.ACCESS_NOT_OFFERED: lambda f: _("The connection of this cloud gives no access."),
    Code.ACCESS_DAYS: lambda f: _("Choose between 1 and %(limit)s days.", limit=f["limit"]),
    Code.ACCESSES_MANY: lambda f: _(
        "You have %(limit)s accesses to this cloud. Withdraw one first.", limit=f["limit"]
    ),
    Code.ACCESS_SHOWN: lambda f: _(
        "This secret was shown before, or was not seen in time. Get another access."
    ),
    Code.ACCESS_UNREADABLE: lambda f: _(
        "The secret can’t be decrypted any more. Withdraw this access and get another."
    ),
    Code.CREDENTIALS_UNREADABLE: lambda f: _(
        "The credentials can’t be decrypted any more. Enter them again."
    ),
}
INVALID: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Code.URL_FORMAT: lambda f: _(
        "Enter an address such as https://cloud.example:5000/v3, without a user name."
    ),
    Code.URL_PLACEHOLDER: lambda f: _(
        "Write {id} where the ID of the cloud belongs, and no other braces."
    ),
    Code.WEBHOOK_SECRET_FORMAT: lambda f: _(
        "A secret is whsec_ and 24 random bytes or more in base64."
    ),
    Code.CERTIFICATES_FORMAT: lambda f: _(
        "This is no certificate in PEM form. It begins with -----BEGIN CERTIFICATE-----."
    ),
    Code.PRIVATE_KEY_FORMAT: lambda f: _(
        "This is no private key in PEM form without a password. It begins with "
        "-----BEGIN PRIVATE KEY-----."
    ),
    Code.FINGERPRINT_FORMAT: lambda f: _("A fingerprint is 64 hexadecimal digits (SHA-256)."),
    Code.CURRENCY_UNKNOWN: lambda f: _("Enter the code of a currency (ISO 4217), such as EUR."),
    Code.NETWORK_NAME: lambda f: _("Enter the name of a network of LXD, such as lxdbr0."),
    Code.NUMBER_RANGE: lambda f: _("Enter a whole number from %(least)s to %(most)s.", **f),
}

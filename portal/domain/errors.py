"""Refusals: a code and its facts; `wording.errors` has the sentence for each code."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from portal.domain.actions import Action


class Code(StrEnum):
    """Why a value is malformed or a change is refused. The values are stored with import rows: add
    values, but never change one."""

    REQUIRED = "required"
    NOT_TEXT = "not-text"
    TOO_LONG = "too-long"
    NOTHING_VISIBLE = "nothing-visible"
    LINE_BREAK = "line-break"
    CONTROL_CHARACTER = "control-character"
    DIRECTION_CHARACTER = "direction-character"
    INVISIBLE_CHARACTER = "invisible-character"
    BROKEN_CHARACTER = "broken-character"
    EMAIL_AT_SIGN = "email-at-sign"
    EMAIL_NAME = "email-name"
    EMAIL_LOCAL = "email-local"
    EMAIL_LOCAL_LETTER = "email-local-letter"
    EMAIL_LOCAL_LONG = "email-local-long"
    EMAIL_HOST = "email-host"
    EMAIL_RESERVED = "email-reserved"
    EMAIL_LOOK_ALIKE = "email-look-alike"
    PHONE_CHARACTERS = "phone-characters"
    PHONE_EXTENSION = "phone-extension"
    PHONE_COUNTRY = "phone-country"
    PHONE_SHORT = "phone-short"
    PHONE_LONG = "phone-long"
    PHONE_NUMBER = "phone-number"
    COUNTRY_UNKNOWN = "country-unknown"
    TAX_CHARACTERS = "tax-characters"
    TAX_NO_DIGITS = "tax-no-digits"
    TAX_LENGTH = "tax-length"
    TAX_DIGITS = "tax-digits"
    TAX_FORMAT = "tax-format"
    TAX_CHECK_DIGITS = "tax-check-digits"
    TAX_OTHER_COUNTRY = "tax-other-country"
    ROLE_MISSING = "role-missing"
    HAS_ROLE = "has-role"
    NO_ROLE = "no-role"
    LAST_OWNER = "last-owner"
    EMAIL_IS_CUSTOMER = "email-is-customer"
    NO_ACCOUNT = "no-account"
    LOOK_UPS_MANY = "look-ups-many"
    FORM_KEY_REUSED = "form-key-reused"
    SIGN_UP_CLOSED = "sign-up-closed"
    ACCOUNT_EXISTS = "account-exists"
    ALREADY_PAID = "already-paid"
    ACCOUNT_CLOSED = "account-closed"
    NOT_DIRECT = "not-direct"
    NOT_PARTNER = "not-partner"
    CUSTOMERS_LIVE = "customers-live"
    PARTNER_OWNS_CLOUDS = "partner-owns-clouds"
    TRIAL_MODE = "trial-mode"
    CUSTOMER_NOT_CONFIRMED = "customer-not-confirmed"
    ACCOUNT_NOT_ACTIVE = "account-not-active"
    CLOUD_CLOSED = "cloud-closed"
    FOLDER_NAME_TAKEN = "folder-name-taken"
    EMAIL_DOMAIN = "email-domain"
    EMAIL_IS_STAFF = "email-is-staff"
    EMAIL_TAKEN = "email-taken"
    REFERENCE_TAKEN = "reference-taken"
    MANAGER_NOT_STAFF = "manager-not-staff"
    CUSTOMER_NOT_ACTIVE = "customer-not-active"
    CUSTOMER_NOT_SUSPENDED = "customer-not-suspended"
    CUSTOMER_ANSWERED = "customer-answered"
    CUSTOMER_INACTIVE = "customer-inactive"
    RECORD_CHANGED = "record-changed"
    PARTNERSHIP_NOT_CONFIRMED = "partnership-not-confirmed"
    CLOUDS_LINKED = "clouds-linked"
    INVITATIONS_PER_DAY = "invitations-per-day"
    INVITATIONS_TO_ADDRESS = "invitations-to-address"
    TIN_TAKEN = "tin-taken"
    VIEW_EMPTY = "view-empty"
    VIEW_EXISTS = "view-exists"
    VIEW_NAME_TAKEN = "view-name-taken"
    VIEWS_MANY = "views-many"
    OWN_CUSTOMER = "own-customer"
    ALREADY_CONFIRMED = "already-confirmed"
    INVITATION_CLOSED = "invitation-closed"
    PASSWORD_SHORT = "password-short"  # noqa: S105 - not a password
    PASSWORD_LONG = "password-long"  # noqa: S105 - not a password
    PASSWORD_COMMON = "password-common"  # noqa: S105 - not a password
    PASSWORD_PERSONAL = "password-personal"  # noqa: S105 - not a password
    PASSWORDS_DIFFER = "passwords-differ"
    PASSWORD_FOREIGN = "password-foreign"  # noqa: S105 - not a password
    PASSWORD_WRONG = "password-wrong"  # noqa: S105 - not a password
    REAUTHENTICATION_REQUIRED = "reauthentication-required"
    TOO_MANY_TRIES = "too-many-tries"
    TOO_MANY_MAILS = "too-many-mails"
    TOO_MUCH_FEEDBACK = "too-much-feedback"
    LINK_OVER = "link-over"
    TIME_ZONE_UNKNOWN = "time-zone-unknown"
    EMAIL_SAME = "email-same"
    EMAIL_IN_USE = "email-in-use"
    OWNS_ALONE = "owns-alone"
    HEIR_UNFIT = "heir-unfit"
    USER_DISABLED = "user-disabled"
    BLOCK_SELF = "block-self"
    PERSON_UNKNOWN = "person-unknown"
    CUSTOMER_NOT_INACTIVE = "customer-not-inactive"
    MAIL_LEAVING = "mail-leaving"
    MAIL_MAY_ARRIVE = "mail-may-arrive"
    DELIVERIES_MANY = "deliveries-many"
    RESEND_EARLY = "resend-early"
    DELIVERY_NOT_UNKNOWN = "delivery-not-unknown"
    FILE_LARGE = "file-large"
    FILE_NOT_CSV = "file-not-csv"
    FILE_NOT_UTF8 = "file-not-utf8"
    FILE_NUL = "file-nul"
    FILE_QUOTES = "file-quotes"
    FILE_EMPTY = "file-empty"
    FILE_NO_ROWS = "file-no-rows"
    FILE_ROWS = "file-rows"
    FILE_ROW_LONG = "file-row-long"
    COLUMN_UNKNOWN = "column-unknown"
    COLUMN_TWICE = "column-twice"
    COLUMN_MISSING = "column-missing"
    EMAIL_TWICE = "email-twice"
    REFERENCE_TWICE = "reference-twice"
    COUNTRY_CODE = "country-code"
    NOT_YES_NO = "not-yes-no"
    MANAGER_UNKNOWN = "manager-unknown"
    WAS_INACTIVE = "was-inactive"
    TIN_NOT_MEANT = "tin-not-meant"
    IMPORTS_MANY = "imports-many"
    IMPORT_NOT_CHECKED = "import-not-checked"
    IMPORT_NOT_BEGUN = "import-not-begun"
    IMPORT_RUNNING = "import-running"
    IMPORT_ENDED = "import-ended"
    IMPORT_FAULT = "import-fault"
    IMPORT_CANCELLED = "import-cancelled"
    JOB_RUNNING = "job-running"
    JOB_OVER = "job-over"
    JOB_UPKEEP = "job-upkeep"
    ORDER_TAKES_ACCESS = "order-takes-access"
    MAIL_ONCE = "mail-once"
    MAIL_EMPTIED = "mail-emptied"
    CONNECTION_NAME_TAKEN = "connection-name-taken"
    CONNECTION_CLOSED = "connection-closed"
    CONNECTION_DEFAULT = "connection-default"
    CONNECTION_UNTESTABLE = "connection-untestable"
    EXTERNAL_ID_MISSING = "external-id-missing"
    EXTERNAL_ID_TAKEN = "external-id-taken"
    CREDENTIALS_KEY_MISSING = "credentials-key-missing"
    CREDENTIALS_UNREADABLE = "credentials-unreadable"
    CONNECTION_UNFEDERATED = "connection-unfederated"
    IDENTITY_TAKEN = "identity-taken"
    CLOUD_NOT_READY = "cloud-not-ready"
    CLOUD_SUSPENDED = "cloud-suspended"
    ACCESS_NOT_OFFERED = "access-not-offered"
    ACCESS_DAYS = "access-days"
    ACCESSES_MANY = "accesses-many"
    ACCESS_SHOWN = "access-shown"
    ACCESS_UNREADABLE = "access-unreadable"
    ROLE_TOO_RECENT = "role-too-recent"
    ROLE_INSUFFICIENT = "role-insufficient"
    ACCOUNT_ROLE_MISSING = "account-role-missing"
    NOT_THIS_CUSTOMERS = "not-this-customers"
    CUSTOMER_SUSPENDED = "customer-suspended"
    ALREADY_LINKED = "already-linked"
    PAID_TO_TRIAL = "paid-to-trial"
    EFFECT_CHANGED = "effect-changed"
    NO_PARTNER = "no-partner"
    LAST_CLOUD_OWNER = "last-cloud-owner"
    CUSTOMERS_LAST_ROLE = "customers-last-role"


class Refused(Exception):
    """A business rule refuses the change. `field` is the name of the input at fault, if any."""

    def __init__(self, code: Code, *, field: str | None = None, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.facts = facts


class Forbidden(Refused):
    """The actor's role does not allow this action."""

    def __init__(self, action: Action) -> None:
        super().__init__(Code.ROLE_MISSING, action=action)


class ReauthenticationRequired(Refused):
    """The actor's last authentication is too old for this action, or their session is over."""

    def __init__(self) -> None:
        super().__init__(Code.REAUTHENTICATION_REQUIRED)

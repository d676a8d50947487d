"""Profiles of partners."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

FIELDS = (
    *("account_id", "legal_name", "country", "tin", "address", "postal_code", "city"),
    *("contact_person", "support_email", "phone", "number_prefix"),
)


def upgrade() -> None:
    op.create_table(
        "partner_profiles",
        *(sa.Column(name, sa.String(), nullable=False) for name in FIELDS),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("logo", sa.LargeBinary()),
        sa.Column("logo_type", sa.String(48)),
        sa.Column("logo_digest", sa.String()),
        sa.PrimaryKeyConstraint("account_id", name="pk_partner_profiles"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["billing_accounts.id"],
            name="fk_partner_profiles_account_id_billing_accounts",
        ),
        sa.CheckConstraint(
            "logo_type IN ('image/png', 'image/jpeg')", name=op.f("ck_partner_profiles_logo_type")
        ),
        sa.CheckConstraint(
            "(logo IS NULL) = (logo_type IS NULL) AND (logo IS NULL) = (logo_digest IS NULL)",
            name=op.f("ck_partner_profiles_logo_whole"),
        ),
        sa.CheckConstraint("last_number >= 0", name=op.f("ck_partner_profiles_last_number")),
    )


def downgrade() -> None:
    op.drop_table("partner_profiles")

"""Status lists and their entries, published attestations, openings of what a statement hides, signed plans,
notices and countersignatures

Revision 0003, after 0002. An attestation from before has no entry in a list: its statement names none.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = sa.JSON().with_variant(postgresql.JSONB(astext_type=Text()), "postgresql")
    with op.batch_alter_table("attestations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("openings_key", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("published_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("listing", json, nullable=True))
        batch_op.create_index("ix_attestations_published", ["published_at", "id"], unique=False)
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("plan_statement", json, nullable=True))
    _status_lists()
    _status_entries()
    _status_changes()
    _notices(json)
    _countersignatures()


def downgrade() -> None:
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.drop_index("ix_notices_signed_at")
    for name in ("countersignatures", "notices"):
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.drop_index(batch_op.f(f"ix_{name}_project_id"))
        op.drop_table(name)
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_column("plan_statement")
    for name in ("status_changes", "status_entries"):
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.drop_index(batch_op.f(f"ix_{name}_project_id"))
    with op.batch_alter_table("status_changes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_status_changes_attestation_id"))
    for name in ("status_changes", "status_entries", "status_lists"):
        op.drop_table(name)
    with op.batch_alter_table("attestations", schema=None) as batch_op:
        batch_op.drop_index("ix_attestations_published")
        for name in ("listing", "published_at", "openings_key"):
            batch_op.drop_column(name)


def _status_lists() -> None:
    op.create_table(
        "status_lists",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("signed_revision", sa.BigInteger(), nullable=True),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("signed_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_status_lists")),
    )


def _status_entries() -> None:
    op.create_table(
        "status_entries",
        sa.Column("list_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("attestation_id", sa.String(length=64), nullable=False),
        *_state(),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        *_scope("status_entries"),
        sa.ForeignKeyConstraint(
            ["list_number"], ["status_lists.number"], name=op.f("fk_status_entries_list_number_status_lists")
        ),
        sa.PrimaryKeyConstraint("list_number", "idx", name=op.f("pk_status_entries")),
        sa.UniqueConstraint("attestation_id", name=op.f("uq_status_entries_attestation_id")),
    )
    with op.batch_alter_table("status_entries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_status_entries_project_id"), ["project_id"], unique=False)


def _status_changes() -> None:
    op.create_table(
        "status_changes",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("attestation_id", sa.String(length=64), nullable=False),
        *_state(),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.Column("changed_by_name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        *_scope("status_changes"),
        sa.ForeignKeyConstraint(
            ["attestation_id"], ["attestations.id"], name=op.f("fk_status_changes_attestation_id_attestations")
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_status_changes")),
    )
    with op.batch_alter_table("status_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_status_changes_attestation_id"), ["attestation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_status_changes_project_id"), ["project_id"], unique=False)


def _notices(json: sa.types.TypeEngine) -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("attestation_id", sa.String(length=64), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", json, nullable=False),
        sa.Column("superseded_by", sa.String(length=64), nullable=True),
        *_created(),
        sa.Column("signed_at", sa.BigInteger(), nullable=True),
        sa.Column("statement_digest", sa.String(length=64), nullable=True),
        sa.Column("envelope", sa.Text(), nullable=True),
        *_scope("notices"),
        *_about_attestation("notices", "content"),
    )
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.create_index("ix_notices_signed_at", ["signed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_notices_project_id"), ["project_id"], unique=False)


def _countersignatures() -> None:
    op.create_table(
        "countersignatures",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("attestation_id", sa.String(length=64), nullable=False),
        sa.Column("statement_digest", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("evaluator", sa.String(length=200), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("conclusion", sa.String(length=16), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        *_created(),
        *_scope("countersignatures"),
        *_about_attestation("countersignatures", "statement_digest"),
    )
    with op.batch_alter_table("countersignatures", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_countersignatures_project_id"), ["project_id"], unique=False)


def _created() -> list[sa.Column]:
    return [
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("created_by_name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
    ]


def _about_attestation(table: str, once: str) -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(
            ["attestation_id"], ["attestations.id"], name=op.f(f"fk_{table}_attestation_id_attestations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("attestation_id", once, name=op.f(f"uq_{table}_attestation_id_{once}")),
    ]


def _state() -> list[sa.Column]:
    return [
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("superseded_by", sa.String(length=64), nullable=True),
    ]


def _scope(table: str) -> list[sa.Column | sa.ForeignKeyConstraint]:
    return [
        sa.Column("organization_id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f(f"fk_{table}_organization_id_organizations")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f(f"fk_{table}_project_id_projects")),
    ]

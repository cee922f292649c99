"""${message}."""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    ${upgrades if upgrades else "raise RuntimeError('write the upgrade')"}


def downgrade() -> None:
    """Take it back."""
    ${downgrades if downgrades else "raise RuntimeError('write the downgrade')"}

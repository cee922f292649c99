"""The secrets that a process was told are all of them, and nothing else."""

from pathlib import Path

from entrypoints.secrets_known import secrets_of
from entrypoints.settings import read_settings

TOLD = {
    "JWT_SECRET": "a-secret-of-the-tests-0123456789abcdef",
    "DATABASE_URL": "postgresql+asyncpg://cashout:database%2Fpassword@localhost/cashout",
    "NATS_URL": "nats://one:broker-password@localhost:4222,nats://two:second-password@other:4222",
    "ORANGE_MONEY_API_URL": "http://127.0.0.1:9",
    "ORANGE_MONEY_CLIENT_ID": "the-client-id",
    "ORANGE_MONEY_CLIENT_SECRET": "the-client-secret",
    "ORANGE_MONEY_WEBHOOK_SECRET": "the-webhook-secret",
}


def test_every_secret_of_the_settings_is_known(tmp_path: Path) -> None:
    settings = read_settings({**TOLD, "CASHOUT_DATA_DIR": str(tmp_path)})
    assert secrets_of(settings) == {
        TOLD["JWT_SECRET"],
        "database%2Fpassword",
        "database/password",
        "broker-password",
        "second-password",
        "the-client-id",
        "the-client-secret",
        "the-webhook-secret",
    }


def test_without_secrets_there_are_none(tmp_path: Path) -> None:
    assert secrets_of(read_settings({"CASHOUT_DATA_DIR": str(tmp_path)})) == frozenset()

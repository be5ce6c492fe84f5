"""What each local process is told, and how secrets lie on disk."""

import stat

from infra.local.layout import Layout

WORKER_MUST_NOT_KNOW = ("DATABASE", "STORAGE", "SIGNING", "SECRET")


def test_the_worker_is_told_nothing_worth_stealing(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNEPROOF_DATABASE_URL", "postgresql://inherited")
    layout = Layout(tmp_path)
    layout.prepare()
    env = layout.worker_env()
    assert not [name for name in env if any(word in name for word in WORKER_MUST_NOT_KNOW)]
    assert layout.secret("storage-secret") not in env.values()


def test_the_api_holds_no_signing_key(tmp_path):
    layout = Layout(tmp_path)
    layout.prepare()
    assert not [name for name in layout.api_env("http://127.0.0.1:8600") if "SIGNING" in name or "REDIS" in name]


def test_secrets_are_made_once_and_are_their_owners_alone(tmp_path):
    layout = Layout(tmp_path)
    layout.prepare()
    secret = layout.secret("storage-secret")
    assert len(secret) == 64
    assert Layout(tmp_path).secret("storage-secret") == secret
    assert stat.S_IMODE((tmp_path / "keys" / "storage-secret").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_deep_directory_still_gets_a_socket_path_that_fits(tmp_path):
    deep = tmp_path.joinpath(*["a-long-directory-name"] * 6)
    layout = Layout(deep)
    layout.prepare()
    assert len(str(layout.valkey_socket)) <= 100
    assert layout.valkey_socket.parent.is_dir()

"""Secrets are references: read late, shown never."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retain.config.secrets import Secret, is_reference, reveal, secrets_in
from retain.config.settings import read_config
from retain.errors import ConfigError

TEXT = """\
version: 1
store: env:DATABASE
http: {keys: [{name: shop, key: env:SHOP_KEY}, {name: app, key: "file:app.key"}]}
plugins: {email: {password: env:SMTP_PASSWORD, secrets: ["file:one.key"], host: mail.example.com}}
"""


@pytest.fixture
def values(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("DATABASE", "postgresql://user:hidden-db@db/tea")
    monkeypatch.setenv("SHOP_KEY", "hidden-shop")
    monkeypatch.setenv("SMTP_PASSWORD", "hidden-smtp")
    for name in ("app.key", "one.key"):
        (tmp_path / name).write_text(f"hidden-{name}\n")
        (tmp_path / name).chmod(0o600)
    return tmp_path


def test_no_text_form_of_a_configuration_holds_a_secret(values: Path) -> None:
    config, _ = read_config(TEXT, values)
    assert config is not None
    shown = [repr(config), str(config), json.dumps(config.shown()), json.dumps(config.plugins), f"{config.store}"]
    assert not any("hidden" in text for text in shown)
    assert config.shown()["plugins"]["email"]["password"] == "*** (env:SMTP_PASSWORD)"


def test_secrets_are_revealed_where_they_are_used(values: Path) -> None:
    config, _ = read_config(TEXT, values)
    assert config is not None
    assert config.store_location() == "postgresql://user:hidden-db@db/tea"
    assert config.write_keys() == {"hidden-shop": "shop", "hidden-app.key": "app"}
    section = config.plugin_config("email")
    assert (section["password"], section["secrets"]) == ("hidden-smtp", ["hidden-one.key"])
    assert config.plugin_config("unknown") == {"project_dir": str(values)}


def test_a_changed_secret_is_read_anew(values: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Secret("env:SHOP_KEY", values)
    assert secret.reveal() == "hidden-shop"
    monkeypatch.setenv("SHOP_KEY", "other")
    assert secret.reveal() == "other"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("env:NOT_SET_ANYWHERE", "env:NOT_SET_ANYWHERE: the environment variable NOT_SET_ANYWHERE is not set"),
        ("env:EMPTY", "env:EMPTY: the secret is empty"),
        ("file:missing.key", "missing.key: No such file or directory"),
        ("file:.", "Is a directory"),
        ("file:binary.key", "it is not UTF-8 text"),
    ],
)
def test_a_secret_that_cannot_be_read_says_why(
    values: Path, monkeypatch: pytest.MonkeyPatch, reference: str, message: str
) -> None:
    monkeypatch.setenv("EMPTY", "")
    (values / "binary.key").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError) as caught:
        Secret(reference, values).reveal()
    assert message in str(caught.value)
    assert caught.value.cure


def test_a_secret_file_that_others_can_read_is_a_warning(values: Path) -> None:
    config, _ = read_config(TEXT, values)
    assert config is not None
    assert config.warnings() == []
    (values / "app.key").chmod(0o644)
    assert config.warnings() == [f"{values / 'app.key'} can be read by other users; chmod 600 {values / 'app.key'}"]


def test_short_and_repeated_write_keys_are_refused(values: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, _ = read_config(TEXT, values)
    assert config is not None
    monkeypatch.setenv("SHOP_KEY", "short")
    with pytest.raises(ConfigError, match="shorter than 8"):
        config.write_keys()
    monkeypatch.setenv("SHOP_KEY", "hidden-app.key")
    with pytest.raises(ConfigError, match="the same write key"):
        config.write_keys()


@pytest.mark.parametrize(
    ("text", "refers"),
    [("env:A", True), ("file:a/b", True), ("env:", False), ("file:///a", False), ("https://a", False), ("a", False)],
)
def test_what_is_a_reference(text: str, refers: bool) -> None:
    assert is_reference(text) is refers


def test_two_secrets_are_one_only_if_they_refer_to_the_same(tmp_path: Path) -> None:
    one, same, other = Secret("env:A", tmp_path), Secret("env:A", tmp_path), Secret("env:B", tmp_path)
    assert one == same != other
    assert {one, same, other} == {one, other}
    assert secrets_in({"a": [one, {"b": other}], "c": "plain"}) == [one, other]
    assert reveal({"a": 1, "b": ["x"]}) == {"a": 1, "b": ["x"]}

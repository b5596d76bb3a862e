# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one rule for passwords, and that all who read one have it."""

from __future__ import annotations

import base64
import subprocess
from types import SimpleNamespace

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError
from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import Kubernetes
from ansible_collections.slotwise.redis.plugins.module_utils.io.queries import shown
from ansible_collections.slotwise.redis.plugins.module_utils.redis.passwords import fault_of
from ansible_collections.slotwise.redis.plugins.plugin_utils.deployment_action import known_of

# The value as it is in the Secret, and the password that everybody makes of it.
GOOD = {
    "plain": (b"hunter2", "hunter2"),
    "line end": (b"hunter2\n", "hunter2"),
    "line ends": (b"hunter2\n\n", "hunter2"),
    "blanks": (b" a b  ", " a b  "),
    "blank at the end of a line": (b"a \n", "a "),
    "quotes": (b'it\'s "so" \\ $HOME `id` %s #!', 'it\'s "so" \\ $HOME `id` %s #!'),
    "letters of others": ("p\u00e4ss\u4e2d\U0001f511".encode(), "p\u00e4ss\u4e2d\U0001f511"),
    "blank that does not break": ("a\u00a0b".encode(), "a\u00a0b"),
    "the longest": (b"x" * 4096, "x" * 4096),
}
BAD = {
    "nothing": (b"", "is empty"),
    "line end alone": (b"\n", "is empty"),
    "not UTF-8": (b"p\xe4ss", "is not UTF-8 text"),
    "half a character": (b"p\xc3", "is not UTF-8 text"),
    "UTF-16": ("pass".encode("utf-16"), "is not UTF-8 text"),
    "random bytes": (bytes(range(128, 160)), "is not UTF-8 text"),
    "two lines": (b"a\nb", "has control characters or line breaks"),
    "line end of Windows": (b"hunter2\r\n", "has control characters or line breaks"),
    "tab": (b"a\tb", "has control characters or line breaks"),
    "NUL": (b"a\x00b", "has control characters or line breaks"),
    "delete": (b"a\x7f", "has control characters or line breaks"),
    "next line": ("a\u0085b".encode(), "has control characters or line breaks"),
    "line separator": ("a\u2028b".encode(), "has control characters or line breaks"),
    "byte order mark": ("\ufeffhunter2".encode(), "has control characters or line breaks"),
    "too long": (b"x" * 4097, "has 4097 bytes"),
}


def secret(value: bytes) -> dict:
    return {"kind": "Secret", "metadata": {"name": "s"}, "data": {"password": base64.b64encode(value).decode()}}


def read(value: bytes) -> str:
    core = SimpleNamespace(read_namespaced_secret=lambda *_a, **_k: SimpleNamespace(data=secret(value)["data"]))
    kubernetes = object.__new__(Kubernetes)
    kubernetes.api, kubernetes.core = SimpleNamespace(configuration=SimpleNamespace(host="https://api")), core
    return kubernetes.secret_value("shop", "orders-auth", "password")


def described(value: bytes, expected: str) -> dict:
    return shown(secret(value), {"parts": None, "compare": {"password": expected}})


@pytest.mark.parametrize("name", GOOD)
def test_a_password_is_the_same_for_everybody(name, tmp_path):
    value, password = GOOD[name]
    assert fault_of(value) == ""
    assert read(value) == password
    answer = described(value, password)
    assert answer["faults"] == {}
    assert answer["compare"] == {"password": True}
    assert described(value, f"{password}\n")["compare"] == {"password": True}
    assert described(value, f"{password}x")["compare"] == {"password": False}
    assert known_of(password).fault == ""
    # As start.sh and the other scripts read it.
    (tmp_path / "password").write_bytes(value)
    script = 'REDISCLI_AUTH=$(cat "$1"); printf %s "$REDISCLI_AUTH"'
    done = subprocess.run(["sh", "-c", script, "sh", tmp_path / "password"], capture_output=True, check=True)
    assert done.stdout.decode() == password


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_password_is_told_by_everybody(name):
    value, words = BAD[name]
    assert fault_of(value).startswith(f"{words}. Allowed: one line of UTF-8 text")
    assert described(value, "x")["faults"]["password"] == fault_of(value)
    with pytest.raises(EngineError, match=f"The password in key password of Secret shop/orders-auth {words}"):
        read(value)
    given = value.decode(errors="surrogateescape")
    assert known_of(given).fault == (fault_of(value) if given else "")


def test_nothing_is_said_of_the_value():
    assert "hunter2" not in fault_of(b"hunter2\x00")

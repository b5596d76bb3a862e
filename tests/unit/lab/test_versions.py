# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions and package sources, read from what is there."""

import pytest
from slotwise_lab import host, recipes, rootfs
from slotwise_lab.host import AptSource


@pytest.mark.parametrize(
    ("package", "version", "tag"),
    [
        ("5:7.0.15-1~deb12u7", "7.0.15", "7.0"),
        ("8.1.1+dfsg1-3+deb13u2", "8.1.1", "8.1"),
        ("9.1.2-1", "9.1.2", "9.1"),
        ("10.0~rc1-1", "10.0", "10.0"),
    ],
)
def test_image_tags_follow_the_package(package, version, tag):
    assert rootfs.parse_version(package) == version
    assert recipes.minor_version(version) == tag


def test_program_versions_come_from_go_mod():
    assert recipes.KUBERNETES_VERSION.startswith("v1.")
    assert recipes.COREDNS_VERSION.startswith("v1.")


def test_only_debian_sources_are_used():
    lines = [
        "Debian|http://mirror/debian/|bookworm|main",
        "Debian|http://mirror/debian/|bookworm|contrib",
        "Debian|http://mirror/security/|bookworm-security|main",
        "Vendor|http://vendor/|nodistro|main",
    ]
    assert host.parse_index_targets(lines) == [
        AptSource("http://mirror/debian/", "bookworm", ("main", "contrib")),
        AptSource("http://mirror/security/", "bookworm-security", ("main",)),
    ]


@pytest.mark.parametrize(
    ("suite", "expected"),
    [("trixie", "bookworm"), ("trixie-updates", "bookworm-updates"), ("stable-security", "bookworm-security")],
)
def test_sources_are_translated_to_the_release_of_the_machines(suite, expected):
    assert AptSource("http://mirror/", suite, ("main",)).line("bookworm") == f"deb http://mirror/ {expected} main\n"


def test_missing_packages_are_named_once(tmp_path):
    needed = {
        "no-such-program": "some-package",
        "no-such-program-2": "some-package",
        str(tmp_path): "there",
        "sh": "dash",
    }
    assert host.missing_packages(needed) == ["some-package"]

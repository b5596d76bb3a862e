# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root file systems from Debian packages."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .host import KEYRING
from .shell import run
from .steps import Log

_NEVER_START = "#!/bin/sh\nexit 101\n"
# Unneeded in containers, and half of their size.
_DOCUMENTATION = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info")


def bootstrap(log: Log, suite: str, mirror: str, root: Path) -> None:
    """A minimal Debian."""
    log.run("debootstrap", "--variant=minbase", f"--keyring={KEYRING}", suite, root, mirror)
    # Nothing is started in a root file system that is being made.
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text(_NEVER_START)
    policy.chmod(0o755)


def copy(log: Log, source: Path, target: Path) -> None:
    log.run("cp", "--archive", "--reflink=auto", source, target)


def inside(log: Log, root: Path, *command: str) -> None:
    """Run a command in the root file system, with its own /proc that goes away with it."""
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    log.run(
        "unshare", "--mount", "--pid", "--fork", f"--mount-proc={root}/proc", "chroot", root, *command,
        environment=environment,
    )  # fmt: skip


def install(log: Log, root: Path, packages: tuple[str, ...], apt_settings: str) -> None:
    _update_lists(log, root, apt_settings)
    inside(log, root, "apt-get", "install", "-q", "-y", "--no-install-recommends", *packages)
    shutil.rmtree(root / "var/lib/apt/lists")
    (root / "var/lib/apt/lists/partial").mkdir(parents=True)
    for archive in (root / "var/cache/apt").rglob("*.*"):
        archive.unlink()


def unpack(log: Log, root: Path, package: str, sources: str, apt_settings: str) -> Path:
    """Unpack a package of any suite in a folder of the root file system, without what it depends on."""
    (root / "etc/apt/sources.list").write_text(sources)
    _update_lists(log, root, apt_settings)
    folder = root / "unpacked"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    download = 'cd /unpacked && apt-get download -q "$1" && dpkg-deb --extract ./*.deb .'
    inside(log, root, "sh", "-c", download, "download", package)
    return folder


def _update_lists(log: Log, root: Path, apt_settings: str) -> None:
    (root / "etc/apt/apt.conf.d/90host").write_text(apt_settings)
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
    inside(log, root, "apt-get", "update", "-q")


def finish(root: Path, *, documentation: bool) -> None:
    """Take away what belongs to the making, not to the result."""
    (root / "usr/sbin/policy-rc.d").unlink()
    (root / "etc/resolv.conf").unlink()
    if not documentation:
        for folder in _DOCUMENTATION:
            shutil.rmtree(root / folder, ignore_errors=True)


def upstream_version(root: Path, package: str) -> str:
    """The version of a package without Debian's parts: 5:7.0.15-1~deb12u7 is 7.0.15."""
    query = ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show", "--showformat=${Version}", package]
    return parse_version(run(query).stdout)


def parse_version(text: str) -> str:
    without_epoch = text.split(":", 1)[-1]
    return re.match(r"[0-9]+(\.[0-9]+)*", without_epoch)[0]

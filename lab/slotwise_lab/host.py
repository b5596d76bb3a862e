# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab needs of the machine it runs on."""

from __future__ import annotations

import os
import platform
import re
import resource
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .shell import LabError, run, say

GO_MINIMUM = (1, 24)
INOTIFY_INSTANCES = 2048
MEMORY_MAPS = 1048576
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# What must exist, and the Debian package that brings it.
FOR_ROOT_FILE_SYSTEMS = {
    "debootstrap": "debootstrap",
    "unshare": "util-linux",
    str(KEYRING): "debian-archive-keyring",
}
FOR_MACHINES = {
    "podman": "podman",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "openssl": "openssl",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}
FOR_NFS_MACHINES = {
    "mkfs.ext4": "e2fsprogs",
    "tar": "tar",
}


def require_root() -> None:
    if os.geteuid() != 0:
        raise LabError(
            "the lab needs root: it makes root file systems, a network and privileged containers",
            "run the same command as root, or use your own cluster: KUBECONFIG=... make demo",
        )


def ensure_programs(*needed: dict[str, str]) -> None:
    """Install what is missing from Debian packages, or say what to install."""
    missing = missing_packages({thing: package for group in needed for thing, package in group.items()})
    if not missing:
        return
    packages = " ".join(missing)
    if not shutil.which("apt-get"):
        raise LabError(f"not installed: {packages}", "install them (Debian's names) with your package manager")
    say(f"host: installing {packages}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-q"], environment=quiet, timeout=600)
    run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *missing], environment=quiet, timeout=1200)
    if still := missing_packages({t: p for group in needed for t, p in group.items()}):
        raise LabError(f"still missing after apt-get install: {' '.join(still)}")


def missing_packages(needed: dict[str, str]) -> list[str]:
    return sorted({package for thing, package in needed.items() if not _exists(thing)})


def _exists(thing: str) -> bool:
    return Path(thing).exists() if thing.startswith("/") else shutil.which(thing) is not None


def ensure_go() -> None:
    hint = f"install Go {GO_MINIMUM[0]}.{GO_MINIMUM[1]} or newer and have `go` in PATH"
    if not shutil.which("go"):
        raise LabError("the program go is not installed", hint)
    found = re.search(r"go(\d+)\.(\d+)", run(["go", "version"]).stdout)
    if not found or (int(found[1]), int(found[2])) < GO_MINIMUM:
        raise LabError(f"too old: {run(['go', 'version']).stdout.strip()}", hint)


@dataclass(frozen=True)
class AptSource:
    uri: str
    suite: str
    components: tuple[str, ...]

    def line(self, release: str) -> str:
        """A line of sources.list for another release: trixie-security becomes bookworm-security."""
        part = re.search("-(updates|security)$", self.suite)
        return f"deb {self.uri} {release}{part[0] if part else ''} {' '.join(self.components)}\n"


def debian_sources() -> list[AptSource]:
    """Where this machine gets Debian's packages; the machines of the lab use the same."""
    if given := os.environ.get("LAB_DEBIAN_MIRROR"):
        return [AptSource(given, "stable", ("main",))]
    if not shutil.which("apt-get"):
        return []
    wanted = ["$(ORIGIN)", "$(REPO_URI)", "$(RELEASE)", "$(COMPONENT)"]
    listing = run(["apt-get", "indextargets", "--format", "|".join(wanted), "Created-By: Packages"]).stdout
    return parse_index_targets(listing.splitlines())


def parse_index_targets(lines: Iterable[str]) -> list[AptSource]:
    components: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        origin, uri, suite, component = line.split("|")
        if origin == "Debian":
            components.setdefault((uri, suite), []).append(component)
    return [AptSource(uri, suite, tuple(names)) for (uri, suite), names in components.items()]


def debian_mirror() -> str:
    """Where packages of any Debian suite come from."""
    for source in debian_sources():
        if not source.suite.endswith("-security"):
            return source.uri
    raise LabError(
        "no Debian package source is known on this machine",
        "run `apt-get update` on Debian, or give the address of a mirror in LAB_DEBIAN_MIRROR",
    )


def apt_settings() -> str:
    """This machine's way to packages (proxy, checks of dates) for the machines of the lab."""
    dump = run(["apt-config", "dump"]).stdout if shutil.which("apt-config") else ""
    kept = re.compile(r'Acquire::(https?::(Proxy|Pipeline)|Check-Valid-Until|Check-Date|Retries)[^"]* "[^"]+";')
    return "".join(line + "\n" for line in dump.splitlines() if kept.match(line))


def ensure_kernel_settings() -> None:
    """Every systemd, kubelet and containerd watches files: the usual limit is enough for two labs."""
    _raise("fs.inotify.max_user_instances", INOTIFY_INSTANCES)


def ensure_own_kernels() -> None:
    """What a kernel that runs as a process needs of this one."""
    if platform.machine() != "x86_64":
        raise LabError(f"machines with their own kernel need x86_64, this is {platform.machine()}")
    if not Path("/dev/net/tun").exists():
        raise LabError(
            "there is no /dev/net/tun on this host: machines with their own kernel need it for their network",
            "modprobe tun, or give this container the device",
        )
    # Each page of its processes may be a map of its own.
    _raise("vm.max_map_count", MEMORY_MAPS)


def _raise(setting: str, least: int) -> None:
    path = Path("/proc/sys", *setting.split("."))
    now = int(path.read_text())
    if now < least:
        say(f"host: {setting} raised from {now} to {least} until the next boot")
        try:
            path.write_text(f"{least}\n")
        except OSError as error:
            raise LabError(
                f"cannot raise {setting}: {error}", f"run where it may be changed: sysctl {setting}={least}"
            ) from error


def resolver() -> str:
    """This host's resolv.conf for machines beside it: without addresses that only this host can reach."""
    # Written by systemd-resolved for those who cannot ask it.
    behind = Path("/run/systemd/resolve/resolv.conf")
    return (behind if behind.exists() else Path("/etc/resolv.conf")).read_text()


def open_files_limit() -> int:
    """How many open files a machine may allow: no more than this process itself may."""
    return _limit(resource.RLIMIT_NOFILE, 1048576)


def processes_limit() -> int:
    return _limit(resource.RLIMIT_NPROC, 32768)


def _limit(kind: int, most: int) -> int:
    hard = resource.getrlimit(kind)[1]
    return most if hard == resource.RLIM_INFINITY else min(hard, most)


def podman_environment(cache: Path) -> dict[str, str]:
    """Podman settings of the lab alone, so that the user's own stay as they are.

    runc, because crun does not start on hosts with both cgroup versions. Limits,
    because podman asks for more than a host without CAP_SYS_RESOURCE gives.
    """
    text = f"""\
[containers]
default_ulimits = ["nofile={open_files_limit()}:{open_files_limit()}", "nproc={processes_limit()}:{processes_limit()}"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
    path = cache / "containers.conf"
    if not path.exists() or path.read_text() != text:
        cache.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {"CONTAINERS_CONF": str(path)}

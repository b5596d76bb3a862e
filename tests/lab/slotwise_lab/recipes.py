# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the lab's programs, root file systems and images are made."""

from __future__ import annotations

import inspect
import json
import os
import platform
import re
import shutil
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path

from . import oci, rootfs
from .config import FILES, SSH_USER
from .host import apt_settings, debian_mirror, debian_sources, ensure_go
from .podman import Podman
from .steps import Log, Step, key_of

# Part of every key: raise it when a recipe changes in a way that its inputs do not show.
RECIPES = 1

MACHINE_SUITE = "bookworm"
# Has the newest servers, and days on which its packages do not install.
UNSTABLE_SUITE = "sid"
# No udev: it would give every container the same MAC address. No socat and no
# NFS client: to bring those is the work of the roles under test.
MACHINE_PACKAGES = (
    "ca-certificates", "conntrack", "containerd", "containernetworking-plugins", "dbus", "etcd-client",
    "etcd-server", "iproute2", "iptables", "iputils-ping", "kmod", "nftables", "openssh-server", "procps",
    "python3", "python3-apt", "runc", "sudo", "systemd", "systemd-sysv",
)  # fmt: skip
KUBE_COMPONENTS = (
    "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet",
)  # fmt: skip
# Results with images also depend on how images are written.
_IMAGES = inspect.getsource(oci.write_layout)
PAUSE_IMAGE = "localhost/slotwise-lab/pause:1"


@dataclass(frozen=True)
class Server:
    """A Redis-compatible server as a Debian suite has it."""

    flavor: str
    suite: str
    repository: str
    extra_packages: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[str, ...]:
        return (f"{self.flavor}-server", f"{self.flavor}-tools", *self.extra_packages)


SERVERS = (
    Server("redis", "bookworm", "docker.io/library/redis"),
    Server("redis", "trixie", "docker.io/library/redis"),
    Server("valkey", "trixie", "docker.io/valkey/valkey"),
    # These two stand in for systemd, which the packages of this suite would pull in.
    Server(
        "valkey",
        UNSTABLE_SUITE,
        "docker.io/valkey/valkey",
        ("systemd-standalone-sysusers", "systemd-standalone-tmpfiles"),
    ),
)


@dataclass(frozen=True)
class Image:
    """An image in the cache, to be given to the machines."""

    name: str
    digest: str
    layout: Path


def module_version(program: str, module: str) -> str:
    """The version of a Go module that go.mod of one of our programs asks for."""
    text = (FILES / program / "go.mod").read_text()
    return re.search(rf"^(?:require )?\s*{re.escape(module)} (v\S+)$", text, re.MULTILINE)[1]


KUBERNETES_VERSION = module_version("kube", "k8s.io/kubernetes")
COREDNS_VERSION = module_version("coredns", "github.com/coredns/coredns")
COREDNS_IMAGE = f"localhost/slotwise-lab/coredns:{COREDNS_VERSION}"


def _kubernetes_version_flags() -> str:
    major, minor = KUBERNETES_VERSION.removeprefix("v").split(".")[:2]
    values = {
        "k8s.io/component-base/version.gitVersion": KUBERNETES_VERSION,
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
        "k8s.io/client-go/pkg/version.gitVersion": KUBERNETES_VERSION,
    }
    return " ".join(f"-X {name}={value}" for name, value in values.items())


class Recipes:
    """All steps of the lab in one cache."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache

    @cached_property
    def kube(self) -> Step:
        return self._go_program("kube", _kubernetes_version_flags())

    @cached_property
    def coredns(self) -> Step:
        return self._go_program("coredns", image=COREDNS_IMAGE)

    @cached_property
    def pause(self) -> Step:
        return self._go_program("pause", image=PAUSE_IMAGE)

    @cached_property
    def bases(self) -> dict[str, Step]:
        suites = dict.fromkeys((MACHINE_SUITE, *(server.suite for server in SERVERS)))
        return {
            suite: Step(
                f"base-{suite}",
                key_of(RECIPES, _machine(), suite),
                partial(_base, suite),
                optional=suite == UNSTABLE_SUITE,
            )
            for suite in suites
        }

    @cached_property
    def servers(self) -> dict[Server, Step]:
        return {server: self._server(server) for server in SERVERS}

    @cached_property
    def machine(self) -> Step:
        base, kube = self.bases[MACHINE_SUITE], self.kube
        furnish = inspect.getsource(_furnish_machine)
        key = key_of(RECIPES, base.key, kube.key, MACHINE_PACKAGES, KUBE_COMPONENTS, SSH_USER, furnish)

        def build(target: Path, log: Log) -> None:
            root = target / "root"
            rootfs.copy(log, base.result(self.cache) / "root", root)
            rootfs.install(log, root, MACHINE_PACKAGES, apt_settings())
            _furnish_machine(log, root, kube.result(self.cache) / "kube")

        return Step("machine", key, build, (base, kube))

    @property
    def machine_image_name(self) -> str:
        return f"localhost/slotwise-lab-machine:{self.machine.key}"

    @cached_property
    def machine_image(self) -> Step:
        podman, name = Podman(self.cache), self.machine_image_name

        def build(target: Path, log: Log) -> None:
            archive = target / "root.tar"
            oci.layer_of_root(log, self.machine.result(self.cache) / "root", archive)
            podman("import", "--quiet", "--change", 'CMD ["/sbin/init"]', archive, name)
            archive.unlink()

        needs = (self.machine,)
        return Step("machine-image", self.machine.key, build, needs, present=lambda: podman.image_exists(name))

    @property
    def all(self) -> list[Step]:
        return [self.kube, self.coredns, self.pause, self.machine_image, *self.servers.values()]

    def images(self) -> list[Image]:
        """What the machines get, in the order of need."""
        return [
            Image(**json.loads((folder / "image.json").read_text()), layout=folder / "image")
            for folder in (self.pause.result(self.cache), self.coredns.result(self.cache), *self.built_servers())
        ]

    def built_servers(self) -> list[Path]:
        results = (step.result(self.cache) for step in self.servers.values())
        return [result for result in results if result.is_dir()]

    def _go_program(self, program: str, flags: str = "", image: str = "") -> Step:
        source = FILES / program
        contents = [path.read_text() for path in sorted(source.iterdir())]

        def build(target: Path, log: Log) -> None:
            ensure_go()
            log.run(
                "go", "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false",
                "-ldflags", f"-s -w {flags}".strip(), "-o", target / program, ".",
                cwd=source, environment={**os.environ, "CGO_ENABLED": "0"},
            )  # fmt: skip
            if image:
                layer = target / "layer.tar"
                oci.layer_of_program(target / program, layer)
                _write_image(target, image, layer, {"Entrypoint": [f"/{program}"]})

        return Step(program, key_of(RECIPES, _machine(), flags, *contents, *((image, _IMAGES) if image else ())), build)

    def _server(self, server: Server) -> Step:
        base = self.bases[server.suite]

        def build(target: Path, log: Log) -> None:
            root = target / "root"
            rootfs.copy(log, base.result(self.cache) / "root", root)
            # The ids of the official images; the packages keep a user that exists.
            rootfs.inside(log, root, "groupadd", "--gid", "999", server.flavor)
            rootfs.inside(log, root, "useradd", "--uid", "999", "--gid", "999", "--no-create-home", server.flavor)
            rootfs.install(log, root, server.packages, apt_settings())
            _furnish_server(log, root, server, target)

        key = key_of(RECIPES, base.key, *asdict(server).values(), inspect.getsource(_furnish_server), _IMAGES)
        return Step(f"{server.flavor}-{server.suite}", key, build, (base,), optional=base.optional)


def _machine() -> str:
    return platform.machine()


def _base(suite: str, target: Path, log: Log) -> None:
    rootfs.bootstrap(log, suite, debian_mirror(), target / "root")


def _furnish_machine(log: Log, root: Path, kube: Path) -> None:
    programs = root / "usr/local/bin"
    shutil.copy2(kube, programs / "kube")
    for component in KUBE_COMPONENTS:
        (programs / component).symlink_to("kube")
    rootfs.inside(log, root, "systemctl", "set-default", "multi-user.target")
    # etcd runs on one machine, with our unit; which files exist there is our choice.
    rootfs.inside(log, root, "systemctl", "disable", "etcd.service")
    rootfs.inside(log, root, "useradd", "--create-home", "--shell", "/bin/bash", SSH_USER)
    rootfs.inside(log, root, "install", "-d", "-m", "0700", "-o", SSH_USER, "-g", SSH_USER, f"/home/{SSH_USER}/.ssh")
    sudoers = root / "etc/sudoers.d" / SSH_USER
    sudoers.write_text(f"{SSH_USER} ALL=(ALL) NOPASSWD: ALL\n")
    sudoers.chmod(0o440)
    for host_key in (root / "etc/ssh").glob("ssh_host_*"):
        host_key.unlink()
    (root / "etc/apt/sources.list").write_text("".join(source.line(MACHINE_SUITE) for source in debian_sources()))
    # Every machine makes its own at its first boot.
    (root / "etc/machine-id").write_text("")
    rootfs.finish(root, documentation=True)


def _furnish_server(log: Log, root: Path, server: Server, target: Path) -> None:
    if server.flavor == "valkey":
        for program in sorted((root / "usr/bin").glob("valkey-*")):
            program.with_name(program.name.replace("valkey", "redis", 1)).symlink_to(program.name)
    data = root / "data"
    data.mkdir(mode=0o755)
    os.chown(data, 999, 999)
    rootfs.finish(root, documentation=False)
    version = rootfs.upstream_version(root, f"{server.flavor}-server")
    (target / "server.json").write_text(json.dumps({"flavor": server.flavor, "version": version}))
    layer = target / "layer.tar"
    oci.layer_of_root(log, root, layer)
    config = {
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "Cmd": [f"{server.flavor}-server"],
        "WorkingDir": "/data",
        "Volumes": {"/data": {}},
        "ExposedPorts": {"6379/tcp": {}},
    }
    _write_image(target, f"{server.repository}:{minor_version(version)}", layer, config)


def minor_version(version: str) -> str:
    """The tag that the roles use: 7.0.15 is 7.0."""
    return ".".join(version.split(".")[:2])


def _write_image(target: Path, name: str, layer: Path, config: dict) -> None:
    digest = oci.write_layout(target / "image", name, layer, config)
    (target / "image.json").write_text(json.dumps({"name": name, "digest": digest}))

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
from .shell import LabError, say
from .steps import Log, Step, key_of

# Part of every key: raise it when a recipe changes in a way that its inputs do not show.
RECIPES = 1

MACHINE_SUITE = "bookworm"
# Has the newest servers, and days on which its packages do not install.
UNSTABLE_SUITE = "sid"
# No udev: it would give every container the same MAC address. No socat and no
# NFS client: to bring those is the work of the roles under test.
# Where the kernel that runs as a process is taken from, in this order: that of sid
# is much faster, and sid has days on which it is not there.
UML_SUITES = ("sid", "bookworm")
# Whose C library it gets: the kernel of sid needs a newer one than the host may have.
UML_LIBRARY_SUITE = "trixie"
# The loader's path in the program and what takes its place: seen from where it runs.
UML_LOADER, UML_OWN_LOADER = b"/lib64/ld-linux-x86-64.so.2\0", b"kernel/ld.so"
# The kernel keeps the memory of its machine in a file there.
UML_MEMORY = "/dev/shm"
# What such a machine has no use for: without udev and with consoles that lead nowhere.
UML_MASKED = ("apt-daily-upgrade.timer", "apt-daily.timer", "console-getty.service", "getty@tty1.service")
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
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
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
class Tool:
    """A program of a Debian suite that pods run beside the servers, in an image of its own."""

    name: str
    suite: str
    repository: str
    packages: tuple[str, ...]
    tag_suffix: str = ""


TOOLS = (
    # What labels the pods of Sentinel deployments.
    Tool("python3", "trixie", "docker.io/library/python", ("python3",), "-slim"),
    # There is no official image of Twemproxy.
    Tool("nutcracker", "trixie", "localhost/slotwise-lab/nutcracker", ("nutcracker",)),
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
        suites = dict.fromkeys((MACHINE_SUITE, *(program.suite for program in (*SERVERS, *TOOLS))))
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
    def tools(self) -> dict[Tool, Step]:
        return {tool: self._tool(tool) for tool in TOOLS}

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

    @cached_property
    def uml(self) -> Step:
        """The kernel that runs as a process, its modules and its C library."""
        base = self.bases[UML_LIBRARY_SUITE]

        def build(target: Path, log: Log) -> None:
            root = target / "root"
            rootfs.copy(log, base.result(self.cache) / "root", root)
            for suite in UML_SUITES:
                try:
                    _take_kernel(log, root, suite, target)
                    break
                except (LabError, OSError) as error:
                    say(f"uml: no usable kernel from {suite}: {error}")
                    if suite == UML_SUITES[-1]:
                        raise
            shutil.rmtree(root)

        key = key_of(RECIPES, base.key, UML_SUITES, UML_LOADER, UML_OWN_LOADER, inspect.getsource(_take_kernel))
        return Step("uml", key, build, (base,))

    @cached_property
    def uml_disk(self) -> Step:
        """The disk of machines with their own kernel: the root file system, modules and unpacked images."""
        with_images = (self.pause, self.coredns, *self.servers.values(), *self.tools.values())
        needs = (self.machine, self.uml, *with_images)
        scripts = [path.read_text() for path in sorted((FILES / "uml").iterdir())]
        recipe = "".join(inspect.getsource(part) for part in (_furnish_uml, _write_disk, _import_images))

        def build(target: Path, log: Log) -> None:
            root, disk, kernel = target / "root", target / "disk.ext4", self.uml.result(self.cache)
            rootfs.copy(log, self.machine.result(self.cache) / "root", root)
            _furnish_uml(log, root, kernel / "modules")
            _write_disk(log, root, disk)
            shutil.rmtree(root)
            results = (step.result(self.cache) for step in with_images)
            _import_images(log, disk, kernel, [result / "image" for result in results if result.is_dir()])

        key = key_of(RECIPES, *(step.key for step in needs), *scripts, UML_MASKED, recipe)
        return Step("uml-disk", key, build, needs)

    @property
    def with_nfs(self) -> list[Step]:
        return [*self.all, self.uml_disk]

    @property
    def all(self) -> list[Step]:
        return [self.kube, self.coredns, self.pause, self.machine_image, *self.servers.values(), *self.tools.values()]

    def images(self) -> list[Image]:
        """What the machines get, in the order of need."""
        return [
            Image(**json.loads((folder / "image.json").read_text()), layout=folder / "image")
            for folder in (
                self.pause.result(self.cache),
                self.coredns.result(self.cache),
                *self.built_servers(),
                *self.built_tools(),
            )
        ]

    def built_servers(self) -> list[Path]:
        results = (step.result(self.cache) for step in self.servers.values())
        return [result for result in results if result.is_dir()]

    def built_tools(self) -> list[Path]:
        return [step.result(self.cache) for step in self.tools.values()]

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

    def _tool(self, tool: Tool) -> Step:
        base = self.bases[tool.suite]

        def build(target: Path, log: Log) -> None:
            root = target / "root"
            rootfs.copy(log, base.result(self.cache) / "root", root)
            rootfs.install(log, root, tool.packages, apt_settings())
            _furnish_tool(log, root, tool, target)

        key = key_of(RECIPES, base.key, *asdict(tool).values(), inspect.getsource(_furnish_tool), _IMAGES)
        return Step(f"{tool.name}-{tool.suite}", key, build, (base,))


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


def _take_kernel(log: Log, root: Path, suite: str, target: Path) -> None:
    sources = f"deb {debian_mirror()} {suite} main\n"
    package = rootfs.unpack(log, root, "user-mode-linux", sources, apt_settings())
    modules = target / "modules"
    shutil.rmtree(modules, ignore_errors=True)
    shutil.copytree(package / "usr/lib/uml/modules", modules)
    libraries = root / "usr/lib/x86_64-linux-gnu"
    shutil.copy2(libraries / "ld-linux-x86-64.so.2", target / "ld.so")
    shutil.copy2(libraries / "libc.so.6", target / "libc.so.6")
    program = (package / "usr/bin/linux.uml").read_bytes()
    if program.count(UML_LOADER) != 1:
        raise LabError("the program does not name its loader where it was expected")
    kernel = target / "linux"
    kernel.write_bytes(program.replace(UML_LOADER, UML_OWN_LOADER.ljust(len(UML_LOADER), b"\0")))
    kernel.chmod(0o755)
    place = target / "try"
    place.mkdir(exist_ok=True)
    (place / "kernel").symlink_to(target)
    # Proves that it starts with its loader and library.
    log.run("kernel/linux", "--version", cwd=place, environment={**os.environ, "LD_LIBRARY_PATH": "kernel"})
    shutil.rmtree(place)


def _furnish_uml(log: Log, root: Path, modules: Path) -> None:
    shutil.copytree(modules, root / "usr/lib/modules", dirs_exist_ok=True)
    for version in modules.iterdir():
        rootfs.inside(log, root, "depmod", version.name)
    # Only workers run it, by their own files.
    rootfs.inside(log, root, "systemctl", "disable", "containerd.service")
    for unit in UML_MASKED:
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    for script in (FILES / "uml").iterdir():
        target = root / "usr/local/sbin" / script.name
        shutil.copyfile(script, target)
        target.chmod(0o755)


def _write_disk(log: Log, root: Path, disk: Path) -> None:
    """A file system of 8 GiB in a file that takes only what is written; no checksums, they cost time there."""
    log.run("truncate", "--size=8G", disk)
    options = ("-E", "lazy_itable_init=1,lazy_journal_init=1", "-O", "^metadata_csum")
    log.run("mkfs.ext4", "-q", "-F", *options, "-d", root, disk)


def _import_images(log: Log, disk: Path, kernel: Path, layouts: list[Path]) -> None:
    """Boot a machine on its disk and let it unpack images that it gets as further disks."""
    place = disk.parent / "import"
    place.mkdir()
    (place / "kernel").symlink_to(kernel)
    (place / "root.ext4").symlink_to(disk)
    for number, layout in enumerate(layouts, 1):
        log.run("tar", "--create", "-C", layout, "-f", place / f"image{number}.tar", ".")
    images = (f"ubd{number}r=image{number}.tar" for number in range(1, len(layouts) + 1))
    log.run(
        "kernel/linux", "mem=1024M", "umid=import", "uml_dir=./", "ubd0=root.ext4", *images, "root=/dev/ubda", "rw",
        "init=/usr/local/sbin/lab-images", "con=null", "con0=null,fd:1", "ssl=null", "seccomp=on",
        cwd=place, environment={**os.environ, "TMPDIR": UML_MEMORY, "LD_LIBRARY_PATH": "kernel"},
    )  # fmt: skip
    if "lab-images: done" not in log.tail(20):
        raise LabError(f"the images did not get on the disk:\n{log.tail(20)}", f"the whole log: {log.path}")
    shutil.rmtree(place)


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
        "Env": [_PATH],
        "Cmd": [f"{server.flavor}-server"],
        "WorkingDir": "/data",
        "Volumes": {"/data": {}},
        "ExposedPorts": {"6379/tcp": {}},
    }
    _write_image(target, f"{server.repository}:{minor_version(version)}", layer, config)


def _furnish_tool(log: Log, root: Path, tool: Tool, target: Path) -> None:
    rootfs.finish(root, documentation=False)
    version = rootfs.upstream_version(root, tool.packages[0])
    (target / "tool.json").write_text(json.dumps({"name": tool.name, "version": version}))
    layer = target / "layer.tar"
    oci.layer_of_root(log, root, layer)
    config = {"Env": [_PATH], "Cmd": [tool.name]}
    _write_image(target, f"{tool.repository}:{minor_version(version)}{tool.tag_suffix}", layer, config)


def minor_version(version: str) -> str:
    """The tag that the roles use: 7.0.15 is 7.0."""
    return ".".join(version.split(".")[:2])


def _write_image(target: Path, name: str, layer: Path, config: dict) -> None:
    digest = oci.write_layout(target / "image", name, layer, config)
    (target / "image.json").write_text(json.dumps({"name": name, "digest": digest}))

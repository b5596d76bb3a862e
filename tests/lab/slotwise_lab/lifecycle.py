# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From whatever there is to a lab that is up, and back to nothing."""

from __future__ import annotations

import shlex
import shutil

from . import cluster, inventory, kubernetes, network, pki, servers
from .config import Lab, Machine
from .machines import Machines, content_of
from .podman import Podman
from .recipes import KUBERNETES_VERSION, Image, Recipes
from .shell import each, say, wait_for


def up(lab: Lab, recipes: Recipes) -> None:
    podman = Podman(lab.cache)
    network.ensure_network(lab, podman)
    lab.remember()
    machines = Machines(lab, podman)
    if pki.ensure_secrets(lab):
        say(f"lab {lab.name}: new keys in {lab.secrets}")
    inventory.write(lab, recipes)
    servers.write_servers(lab, recipes)
    fresh = _ensure_machines(lab, machines, recipes)
    if network.ensure_routes(lab):
        say(f"host: routes to {lab.pod_network} and {lab.service_network}")
    each(lambda machine: _revive(machines, machine), [machine for machine in lab.machines if machine not in fresh])
    images = recipes.images()
    each(lambda machine: _ensure_images(machines, machine, images), lab.machines)
    _ensure_cluster(lab, machines)
    say(f"lab {lab.name} is up: Kubernetes {KUBERNETES_VERSION}, {len(lab.machines)} nodes Ready, DNS answers")
    say(f"export KUBECONFIG={shlex.quote(str(lab.kubeconfig))} PATH={shlex.quote(str(lab.kubectl.parent))}:$PATH")


def down(lab: Lab) -> None:
    removed = []
    if shutil.which("podman"):
        podman = Podman(lab.cache)
        network.refuse_foreign(lab, podman)
        removed = Machines(lab, podman).remove_all()
        network.remove_routes(lab)
        network.remove_network(lab, podman)
    inventory.remove(lab)
    say(f"lab {lab.name} is down: {len(removed)} machines removed; the cache {lab.cache} stays")


def status(lab: Lab) -> int:
    print(f"lab {lab.name} of {lab.checkout}")
    print(f"machines {lab.machine_network}, services {lab.service_network}, pods {lab.pod_network}")
    containers = Machines(lab, Podman(lab.cache)).containers()
    for machine in lab.machines:
        container = containers.get(machine.container)
        state = "missing" if container is None else "running" if container.running else "stopped"
        print(f"  {machine.name:12} {machine.address!s:15} {state:8} podman exec -it {machine.container} bash")
    running = {m.name: containers[m.container].started_at for m in lab.machines if m.container in containers}
    if not running or not lab.kubeconfig.exists():
        print("not up: run `python3 tests/lab up`")
        return 1
    missing = [machine.name for machine in lab.machines if machine.name not in running]
    problem = ", ".join(missing) or cluster.node_problem(lab, running) or cluster.dns_problem(lab)
    print(f"not complete: {problem}; `python3 tests/lab up` completes it" if problem else "up")
    return 1 if problem else 0


def _ensure_machines(lab: Lab, machines: Machines, recipes: Recipes) -> list[Machine]:
    """Every machine exists with the wanted content and runs; returns those that were started."""
    image = recipes.machine_image_name
    files = {machine: kubernetes.pack(kubernetes.machine_files(lab, machine)) for machine in lab.machines}
    content = {machine: content_of(image, files[machine], kubernetes.addons(lab)) for machine in lab.machines}
    existing = machines.containers()
    if existing and (reason := beyond_repair(lab, {name: c.content for name, c in existing.items()}, content)):
        say(f"lab {lab.name}: {reason}: all machines are made again, what was stored in them is lost")
        machines.remove_all()
        existing = {}
    missing = [machine for machine in lab.machines if machine.container not in existing]
    stopped = [m for m in lab.machines if m.container in existing and not existing[m.container].running]
    if existing and missing:
        say(f"gone and made new (what was stored there is lost): {_names(missing)}")
    if stopped:
        say(f"stopped, being started: {_names(stopped)}")
    each(lambda machine: machines.create(machine, image, files[machine], content[machine]), missing)
    fresh = [*missing, *stopped]
    if fresh:
        each(machines.start, fresh)
        inventory.forget_connections(lab)
        say(f"machines started: {_names(fresh)}")
    return fresh


def beyond_repair(lab: Lab, existing: dict[str, str], wanted: dict[Machine, str]) -> str:
    """Why the existing machines cannot be kept; empty when they can."""
    if lab.control.container not in existing:
        return f"{lab.control.name} is gone and with it the state of the cluster"
    for machine, content in wanted.items():
        if machine.container in existing and existing[machine.container] != content:
            return f"{machine.name} was made from other keys, files or versions"
    return ""


def _revive(machines: Machines, machine: Machine) -> None:
    """Start what does not run on a machine that does."""
    units = kubernetes.units(machine)
    if not machines.inactive_units(machine, units):
        return
    if reason := machines.boot_problem(machine, units):
        say(f"{machine.name}: {reason}: it is started again")
        machines.restart(machine)
    elif inactive := machines.inactive_units(machine, units):
        say(f"{machine.name}: not active, being started: {', '.join(inactive)}")
        machines.start_units(machine, inactive)


def _ensure_images(machines: Machines, machine: Machine, images: list[Image]) -> None:
    machines.wait_for_unit(machine, "containerd")
    missing = machines.missing_images(machine, images)
    for image in missing:
        machines.import_image(machine, image)
    if missing:
        say(f"{machine.name}: {len(missing)} images imported")


def _ensure_cluster(lab: Lab, machines: Machines) -> None:
    containers = machines.containers()
    started_at = {machine.name: containers[machine.container].started_at for machine in lab.machines}
    if not cluster.node_problem(lab, started_at) and not cluster.dns_problem(lab):
        return
    shell = f"podman exec {lab.control.container}"
    look = f"{shell} journalctl -u etcd -u kube-apiserver"
    wait_for("Kubernetes API", lambda: cluster.api_problem(lab), timeout=120, look=look)
    say("Kubernetes API ready")
    cluster.kubectl(lab, "apply", "--server-side", "--filename=-", stdin=kubernetes.addons(lab))
    look = f"podman exec {lab.name}-<machine> journalctl -u kubelet -u containerd"
    wait_for("nodes", lambda: cluster.node_problem(lab, started_at), timeout=120, look=look)
    say("all nodes Ready")
    look = f"{lab.kubectl} --kubeconfig {lab.kubeconfig} -n kube-system describe pods"
    wait_for("cluster DNS", lambda: cluster.dns_problem(lab), timeout=120, look=look)


def _names(machines: list[Machine]) -> str:
    return ", ".join(machine.name for machine in machines)

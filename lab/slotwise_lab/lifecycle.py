# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From whatever there is to a lab that is up, and back to nothing."""

from __future__ import annotations

import shlex
import shutil

from . import cluster, inventory, kubernetes, network, pki, servers
from .config import Lab, Machine
from .inside import Inside
from .machines import Machines, content_of
from .podman import Podman
from .recipes import KUBERNETES_VERSION, Image, Recipes
from .shell import LabError, each, say, wait_for
from .uml import UmlMachines


def up(lab: Lab, recipes: Recipes, nfs: bool = False) -> None:
    podman = Podman(lab.cache)
    network.ensure_network(lab, podman)
    lab.remember()
    machines, uml_machines = Machines(lab, podman), UmlMachines(lab, podman)
    if pki.ensure_secrets(lab):
        say(f"lab {lab.name}: new keys in {lab.secrets}")
    inventory.write(lab, recipes, uml_machines.existing())
    servers.write_servers(lab, recipes)
    fresh = _ensure_machines(lab, machines, uml_machines, recipes)
    if network.ensure_routes(lab):
        say(f"host: routes to {lab.pod_network} and {lab.service_network}")
    each(lambda machine: _revive(machines, machine), [machine for machine in lab.machines if machine not in fresh])
    if nfs:
        _ensure_nfs_machines(lab, uml_machines, recipes)
    inventory.write_hosts(lab, uml_machines.existing())
    images = recipes.images()
    each(lambda machine: _ensure_images(machines, machine, images), lab.machines)
    started_at = _started_at(lab, machines)
    if nfs:
        workers = [machine for machine in lab.nfs_machines if machine.node]
        each(lambda machine: _ensure_images(uml_machines, machine, images), workers)
        started_at |= {machine.name: uml_machines.started_at(machine) for machine in workers}
    _ensure_cluster(lab, started_at)
    say(f"lab {lab.name} is up: Kubernetes {KUBERNETES_VERSION}, {len(started_at)} nodes Ready, DNS answers")
    say(f"export KUBECONFIG={shlex.quote(str(lab.kubeconfig))} PATH={shlex.quote(str(lab.kubectl.parent))}:$PATH")


def down(lab: Lab) -> None:
    removed = []
    if shutil.which("podman"):
        podman = Podman(lab.cache)
        network.refuse_foreign(lab, podman)
        removed = [*UmlMachines(lab, podman).remove_all(), *Machines(lab, podman).remove_all()]
        network.remove_routes(lab)
        network.remove_network(lab, podman)
    inventory.remove(lab)
    say(f"lab {lab.name} is down: {len(removed)} machines removed; the cache {lab.cache} stays")


def power_on(lab: Lab, machine: Machine) -> None:
    """Boot a machine that was ended and wait until it does its work again."""
    machines = _machines_of(lab, machine)
    if machines.running(machine):
        return
    machines.boot([machine])
    for unit in kubernetes.units(machine):
        machines.wait_for_unit(machine, unit)
    if machine.node:
        started_at = {machine.name: machines.started_at(machine)}
        look = f"{machines.shell(machine)} journalctl -u kubelet -u containerd"
        wait_for("its node", lambda: cluster.node_problem(lab, started_at), timeout=120, look=look)


def power_off(lab: Lab, machine: Machine) -> None:
    """End a machine at once; its disk stays as it is at that moment."""
    _machines_of(lab, machine).stop(machine)
    inventory.forget_connections(lab)


def _machines_of(lab: Lab, machine: Machine) -> Machines | UmlMachines:
    if machine == lab.control:
        raise LabError(f"{machine.name} has no power switch: without it there is no cluster to ask")
    if not machine.own_kernel:
        return Machines(lab, Podman(lab.cache))
    machines = UmlMachines(lab, Podman(lab.cache))
    if not machines.content(machine):
        raise LabError(f"{machine.name} does not exist", "python3 lab up --nfs")
    return machines


def status(lab: Lab) -> int:
    print(f"lab {lab.name} of {lab.checkout}")
    print(f"machines {lab.machine_network}, services {lab.service_network}, pods {lab.pod_network}")
    containers = Machines(lab, Podman(lab.cache)).containers()
    for machine in lab.machines:
        container = containers.get(machine.container)
        state = "missing" if container is None else "running" if container.running else "stopped"
        print(f"  {machine.name:14} {machine.address!s:15} {state:8} podman exec -it {machine.container} bash")
    uml_machines = UmlMachines(lab, Podman(lab.cache))
    for machine in uml_machines.existing():
        state = "running" if uml_machines.running(machine) else "stopped"
        print(f"  {machine.name:14} {machine.address!s:15} {state:8} {uml_machines.shell(machine)} -i")
    running = {m.name: containers[m.container].started_at for m in lab.machines if m.container in containers}
    if not running or not lab.kubeconfig.exists():
        print("not up: run `python3 lab up`")
        return 1
    missing = [machine.name for machine in lab.machines if machine.name not in running]
    problem = ", ".join(missing) or cluster.node_problem(lab, running) or cluster.dns_problem(lab)
    print(f"not complete: {problem}; `python3 lab up` completes it" if problem else "up")
    return 1 if problem else 0


def _ensure_machines(lab: Lab, machines: Machines, uml_machines: UmlMachines, recipes: Recipes) -> list[Machine]:
    """Every machine exists with the wanted content and runs; returns those that were started."""
    image = recipes.machine_image_name
    files = {machine: kubernetes.pack(kubernetes.machine_files(lab, machine)) for machine in lab.machines}
    content = {machine: content_of(image, files[machine], kubernetes.addons(lab)) for machine in lab.machines}
    existing = machines.containers()
    if existing and (reason := beyond_repair(lab, {name: c.content for name, c in existing.items()}, content)):
        say(f"lab {lab.name}: {reason}: all machines are made again, what was stored in them is lost")
        machines.remove_all()
        existing = {}
    if not existing and (removed := uml_machines.remove_all()):
        say(f"removed with the cluster they were in: {', '.join(removed)}; `up --nfs` makes them again")
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


def _ensure_nfs_machines(lab: Lab, machines: UmlMachines, recipes: Recipes) -> None:
    """The same for the machines with their own kernel, each for itself: none holds what the others need."""
    files = {machine: kubernetes.pack(kubernetes.machine_files(lab, machine)) for machine in lab.nfs_machines}
    content = {m: content_of(recipes.uml.key, recipes.uml_disk.key, files[m]) for m in lab.nfs_machines}
    for machine in machines.existing():
        if machines.content(machine) != content[machine]:
            say(f"{machine.name}: was made from other keys, files or versions: it is made again, empty")
            machines.remove(machine)
    missing = [machine for machine in lab.nfs_machines if machine not in machines.existing()]
    for machine in missing:
        machines.create(machine, recipes, files[machine], content[machine])
    running = [machine for machine in lab.nfs_machines if machines.running(machine)]
    for machine in running:
        # The bridge is another one after all containers were stopped.
        machines.connect(machine)
    each(lambda machine: _revive(machines, machine), running)
    if dead := [machine for machine in lab.nfs_machines if machine not in running]:
        say(f"booting, each with its own kernel: {_names(dead)}")
        machines.boot(dead)
        inventory.forget_connections(lab)
        say("they answer by SSH")


def beyond_repair(lab: Lab, existing: dict[str, str], wanted: dict[Machine, str]) -> str:
    """Why the existing machines cannot be kept; empty when they can."""
    if lab.control.container not in existing:
        return f"{lab.control.name} is gone and with it the state of the cluster"
    for machine, content in wanted.items():
        if machine.container in existing and existing[machine.container] != content:
            return f"{machine.name} was made from other keys, files or versions"
    return ""


def _revive(machines: Inside, machine: Machine) -> None:
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


def _ensure_images(machines: Inside, machine: Machine, images: list[Image]) -> None:
    machines.wait_for_unit(machine, "containerd")
    missing = machines.missing_images(machine, images)
    for image in missing:
        machines.import_image(machine, image)
    if missing:
        say(f"{machine.name}: {len(missing)} images imported")


def _started_at(lab: Lab, machines: Machines) -> dict[str, int]:
    containers = machines.containers()
    return {machine.name: containers[machine.container].started_at for machine in lab.machines}


def _ensure_cluster(lab: Lab, started_at: dict[str, int]) -> None:
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

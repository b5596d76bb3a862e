# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collisions of addresses, and the routes into the cluster."""

from ipaddress import IPv4Network

import pytest
from slotwise_lab import network
from slotwise_lab.config import Lab
from slotwise_lab.network import Taken


def taken(text, owner="something"):
    return Taken(IPv4Network(text), owner)


def test_only_what_overlaps_is_a_collision(tmp_path):
    lab = Lab(tmp_path, tmp_path, "test", 1)
    inside, around = taken("10.208.20.0/24", "a bridge"), taken("10.0.0.0/8", "a tunnel")
    beside, elsewhere = taken("10.208.32.0/20"), taken("192.168.0.0/16")
    assert network.overlapping(lab, [beside, inside, elsewhere, around]) == [inside, around]


def test_routes_lead_to_pods_directly_and_to_services_through_the_control_machine(tmp_path):
    lab = Lab(tmp_path, tmp_path, "test", 1)
    routes = network.wanted_routes(lab)
    assert {str(machine.pods): str(machine.address) for machine in lab.nodes}.items() <= routes.items()
    assert routes[str(lab.service_network)] == str(lab.control.address)
    assert len(routes) == 7


@pytest.mark.parametrize("index", [0, 255])
def test_network_cards_have_names_of_their_own_that_the_kernel_takes(tmp_path, index):
    lab = Lab(tmp_path, tmp_path, "test", index)
    names = [network.tap(lab, machine) for machine in lab.nfs_machines]
    assert len(set(names)) == 3
    assert all(len(name) < 16 for name in names)


def test_only_what_leaves_the_lab_is_masqueraded(tmp_path):
    lab = Lab(tmp_path, tmp_path, "test", 1)
    worker = lab.machine("lab-nfsworker1")
    sources = {str(worker.address), str(worker.pods)}
    rules = network.masquerade_rules(lab, worker)
    assert {rule[rule.index("--source") + 1] for rule in rules} == sources
    assert all(rule[rule.index("!") :][:3] == ["!", "--destination", str(lab.block)] for rule in rules)
    assert len(network.masquerade_rules(lab, lab.machine("lab-nfs"))) == 1

# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collisions of addresses, and the routes into the cluster."""

from ipaddress import IPv4Network

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
    assert {str(machine.pods): str(machine.address) for machine in lab.machines}.items() <= routes.items()
    assert routes[str(lab.service_network)] == str(lab.control.address)
    assert len(routes) == 5

# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and addresses of a lab."""

import itertools
import json

import pytest
from slotwise_lab.config import ADDRESS_SPACE, LABS, Lab, find_lab
from slotwise_lab.shell import LabError


def lab_of(path, index):
    return Lab(path, path / "cache", f"lab{index}", index)


def test_name_and_index_are_derived_from_the_path_and_stay(tmp_path):
    first, again = find_lab(tmp_path / "a", {}), find_lab(tmp_path / "a", {})
    assert first == again
    assert first.name != find_lab(tmp_path / "b", {}).name
    assert 0 <= first.index < LABS


def test_name_and_index_can_be_given(tmp_path):
    lab = find_lab(tmp_path, {"LAB_NAME": "mine", "LAB_INDEX": "7", "SLOTWISE_LAB_CACHE": str(tmp_path)})
    assert (lab.name, lab.index, lab.cache) == ("mine", 7, tmp_path)


def test_a_given_name_is_remembered(tmp_path):
    given = find_lab(tmp_path, {"LAB_NAME": "mine", "LAB_INDEX": "7"})
    given.remember()
    assert json.loads(given.identity.read_text()) == {"name": "mine", "index": 7}
    assert find_lab(tmp_path, {}) == given


def test_another_name_than_the_remembered_one_is_refused(tmp_path):
    find_lab(tmp_path, {"LAB_NAME": "mine"}).remember()
    with pytest.raises(LabError, match="has the lab mine"):
        find_lab(tmp_path, {"LAB_NAME": "other"})


@pytest.mark.parametrize("name", ["Upper", "1st", "with space", "-dash", "x" * 31])
def test_unusable_names_are_refused(tmp_path, name):
    with pytest.raises(LabError, match="LAB_NAME"):
        find_lab(tmp_path, {"LAB_NAME": name})


@pytest.mark.parametrize("index", ["-1", "256", "one", "1.5"])
def test_unusable_indexes_are_refused(tmp_path, index):
    with pytest.raises(LabError, match="LAB_INDEX"):
        find_lab(tmp_path, {"LAB_INDEX": index})


def test_blocks_of_different_labs_do_not_overlap(tmp_path):
    blocks = [lab_of(tmp_path, index).block for index in range(LABS)]
    assert len(set(blocks)) == LABS
    assert all(block.subnet_of(ADDRESS_SPACE) for block in blocks)


@pytest.mark.parametrize("index", [0, 1, 128, 255])
def test_networks_of_a_lab_are_apart_and_in_its_block(tmp_path, index):
    lab = lab_of(tmp_path, index)
    networks = [lab.machine_network, lab.service_network, lab.pod_network]
    assert all(network.subnet_of(lab.block) for network in networks)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(networks, 2))


def test_every_machine_has_its_own_address_and_every_node_its_pod_network(tmp_path):
    lab = lab_of(tmp_path, 3)
    assert [machine.name for machine in lab.machines] == ["lab-control", "lab-worker1", "lab-worker2", "lab-worker3"]
    assert [machine.name for machine in lab.nfs_machines] == ["lab-nfs", "lab-nfsworker1", "lab-nfsworker2"]
    assert [machine.name for machine in lab.all_machines if machine.control] == ["lab-control"]
    assert len({machine.address for machine in lab.all_machines}) == 7
    assert all(machine.address in lab.machine_network for machine in lab.all_machines)
    assert {machine.name for machine in lab.all_machines} - {node.name for node in lab.nodes} == {"lab-nfs"}
    assert len({node.pods for node in lab.nodes}) == 6
    assert all(node.pods.subnet_of(lab.pod_network) for node in lab.nodes)
    assert all(machine.container.startswith("lab3-") for machine in lab.all_machines)


def test_an_unknown_machine_is_named_with_the_known_ones(tmp_path):
    with pytest.raises(LabError, match=r"lab-worker9.*lab-worker1"):
        lab_of(tmp_path, 3).machine("lab-worker9")

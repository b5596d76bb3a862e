# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pod proves that the given domain is that of its Kubernetes cluster; a DNS and a server that only pretend."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROLES = Path(__file__).resolve().parents[3] / "roles"
GETENT = """#!/bin/sh
echo "$*" >>{folder}/asked
# What is known when it was asked for often.
[ "$(grep -c . {folder}/asked)" -lt 3 ] || cat {folder}/later >{folder}/domains
for domain in $(cat {folder}/domains); do
    [ "$*" != "hosts kubernetes.default.svc.$domain." ] || exit 0
done
exit 2
"""
CLIENT = """#!/bin/sh
case $* in
    *'config set proc-title-template '*)
        for word; do last=$word; done
        echo "$last" >>{folder}/titles
        echo OK
        ;;
esac
"""
TITLE = "{title} {listen-addr} {server-mode} cluster-domain="
SEARCH = "search {namespace}.svc.{domain} svc.{domain} {domain} example.org\nnameserver 10.96.0.10\noptions ndots:5\n"


class Pod:
    def __init__(self, folder: Path):
        self.folder = folder
        for name, text in (("getent", GETENT), ("redis-cli", CLIENT)):
            (folder / name).write_text(text.format(folder=folder))
            (folder / name).chmod(0o755)
        (folder / "redis.conf").write_text("port 6379\n")
        self.data = folder / "data"
        self.data.mkdir()

    def start(self, given, *, known=(), later=None, search="cluster.local", namespace="shop", call="prove_names"):
        """What the start of a pod does and says; ``known`` are the domains of DNS, ``search`` that of the kubelet."""
        (self.folder / "domains").write_text(" ".join(known))
        (self.folder / "later").write_text(" ".join(known if later is None else later))
        text = SEARCH.format(namespace=namespace, domain=search) if search else "nameserver 192.0.2.1\n"
        (self.folder / "resolv.conf").write_text(text)
        script = 'set -eu; . "$1/common.sh"; . "$1/names.sh"; "$2"; echo "$proved"; tell_domain & wait'
        environment = {
            "PATH": f"{self.folder}:/usr/bin:/bin",
            "REDIS_DATA": str(self.data),
            "REDIS_CONFIG": str(self.folder / "redis.conf"),
            "REDIS_SERVICE": f"orders-headless.{namespace}.svc.{given}.",
            "RESOLV_CONF": str(self.folder / "resolv.conf"),
            "TERMINATION_LOG": str(self.folder / "end"),
            "DOMAIN_VARIABLE": "redis_cluster_cluster_domain",
        }
        argv = ["sh", "-c", script, "start.sh", str(ROLES / "common" / "files"), call]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=60)

    def read(self, name):
        file = self.folder / name
        return file.read_text() if file.exists() else ""


@pytest.fixture
def pod(tmp_path):
    return Pod(tmp_path)


REFUSALS = [
    ("wrong.domain", "cluster.local", "shop"),
    ("cluster.local", "k8s.example.org", "shop"),
    # A namespace that has the name of a part of every name.
    ("wrong.domain", "cluster.local", "svc"),
    ("svc.cluster.local", "cluster.local", "shop"),
    ("cluster.loca", "cluster.local", "cluster"),
]


@pytest.mark.parametrize(("given", "right", "namespace"), REFUSALS)
def test_a_new_pod_refuses_the_domain_of_another_kubernetes(pod, given, right, namespace):
    done = pod.start(given, known=[right], search=right, namespace=namespace)
    said = f"redis_cluster_cluster_domain is {given}, and names of this Kubernetes cluster end with {right}: set it to"
    assert done.returncode == 78
    assert done.stdout == ""
    assert said in done.stderr
    assert said in pod.read("end")


@pytest.mark.parametrize(("given", "right", "namespace"), REFUSALS)
def test_sentinels_and_proxies_which_have_no_data_refuse_it_too(pod, given, right, namespace):
    (pod.data / "nodes.conf").touch()
    done = pod.start(given, known=[right], search=right, namespace=namespace, call="refuse_other_domain")
    assert done.returncode == 78


@pytest.mark.parametrize("entry", [".slotwise-lock", ".slotwise-owner.json", "lost+found"])
def test_what_the_collection_and_file_systems_leave_is_no_data(pod, entry):
    (pod.data / entry).touch()
    assert pod.start("wrong.domain", known=["cluster.local"]).returncode == 78


@pytest.mark.parametrize("known", [["cluster.local"], ["cluster.local", "other.example"]])
@pytest.mark.parametrize("entry", ["", "nodes.conf"])
def test_the_right_domain_is_only_asked_for(pod, known, entry):
    if entry:
        (pod.data / entry).touch()
    done = pod.start("cluster.local", known=known)
    # With data the server starts at once, and says so when it is proved.
    assert (done.returncode, done.stdout) == (0, "none\n" if entry else "cluster.local\n")
    assert pod.read("titles") == (f"{TITLE}cluster.local\n" if entry else "")
    assert pod.read("asked").splitlines() == ["hosts kubernetes.default.svc.cluster.local."]
    assert pod.read("end") == ""


def test_a_domain_that_dns_serves_besides_that_of_the_kubelet_is_right(pod):
    done = pod.start("other.example", known=["cluster.local", "other.example"])
    assert (done.returncode, done.stdout, pod.read("titles")) == (0, "other.example\n", "")


def test_a_server_with_data_starts_and_tells_the_domain_until_it_is_proved(pod):
    (pod.data / "appendonlydir").mkdir()
    done = pod.start("wrong.domain", known=["cluster.local"], later=["cluster.local", "wrong.domain"])
    assert (done.returncode, done.stdout) == (0, "none\n")
    assert pod.read("titles").splitlines() == [f"{TITLE}cluster.local", f"{TITLE}wrong.domain"]
    assert "names of wrong.domain are unknown; the domain that is known: cluster.local" in done.stderr
    assert pod.read("end") == ""


@pytest.mark.parametrize("search", ["cluster.local", ""], ids=["DNS is away", "no DNS of Kubernetes"])
@pytest.mark.parametrize("entry", ["", "dump.rdb"])
def test_a_server_starts_without_dns_and_says_that_nothing_is_proved(pod, search, entry):
    if entry:
        (pod.data / entry).touch()
    # Its configuration says none, and it goes on asking.
    done = pod.start("cluster.local", search=search, later=["cluster.local"])
    assert (done.returncode, done.stdout) == (0, "none\n")
    assert pod.read("titles") == f"{TITLE}cluster.local\n"
    assert len(pod.read("asked").splitlines()) == 3
    assert pod.read("end") == ""


@pytest.mark.parametrize("line", ['"mine {title}"', '"{port}"', "orders"])
def test_the_title_that_is_given_stays(pod, line):
    (pod.folder / "redis.conf").write_text(f"save 900 1\nproc-title-template {line}\n")
    (pod.data / "dump.rdb").touch()
    pod.start("cluster.local", known=["cluster.local"])
    assert pod.read("titles") == line.strip('"') + " cluster-domain=cluster.local\n"


def test_proxies_of_servers_that_are_given_one_by_one_ask_nothing(pod):
    script = '. "$1/names.sh"; refuse_other_domain; echo started'
    argv = ["bash", "-euc", script, "start.sh", str(ROLES / "common" / "files")]
    done = subprocess.run(argv, env={"PATH": f"{pod.folder}:/usr/bin:/bin"}, capture_output=True, check=False)
    assert done.stdout == b"started\n"
    assert pod.read("asked") == ""

# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates: one authority per lab, elliptic curves because they are made at once."""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from .config import Lab
from .shell import each, run

_DAYS = "3650"
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Certificate:
    name: str
    subject: str
    names: tuple[str, ...] = ()


def certificates(lab: Lab) -> list[Certificate]:
    """Who takes part in the cluster, and under which name."""
    service = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
    api_names = (
        *(f"DNS:{name}" for name in ("localhost", lab.control.name, *service)),
        *(f"IP:{address}" for address in ("127.0.0.1", lab.api_service_address, lab.control.address)),
    )
    return [
        Certificate("apiserver", "/CN=kube-apiserver", api_names),
        Certificate("apiserver-kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client"),
        Certificate("admin", "/O=system:masters/CN=lab-admin"),
        Certificate("controller-manager", "/CN=system:kube-controller-manager"),
        Certificate("scheduler", "/CN=system:kube-scheduler"),
        Certificate("kube-proxy", "/CN=system:kube-proxy"),
        *(
            Certificate(
                machine.name,
                f"/O=system:nodes/CN=system:node:{machine.name}",
                (f"DNS:{machine.name}", f"IP:{machine.address}"),
            )
            for machine in lab.nodes
        ),
    ]


def ensure_secrets(lab: Lab) -> bool:
    """Make all keys of the lab unless all exist; says whether they are new."""
    if all((lab.secrets / f"{certificate.name}.crt").exists() for certificate in certificates(lab)):
        return False
    partial = lab.secrets.with_name("pki.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    _authority(partial)
    each(lambda certificate: _sign(partial, certificate), certificates(lab))
    each(lambda machine: _ssh_key(partial / f"{machine.name}.ssh", machine.name), lab.all_machines)
    _ssh_key(partial / "ops.ssh", f"ops@{lab.name}")
    shutil.rmtree(lab.secrets, ignore_errors=True)
    partial.rename(lab.secrets)
    return True


def kubeconfig(lab: Lab, user: str) -> str:
    """A kubeconfig that carries its certificates in itself."""

    def data(file: str) -> str:
        return base64.b64encode((lab.secrets / file).read_bytes()).decode()

    cluster = {"server": lab.api_url, "certificate-authority-data": data("ca.crt")}
    identity = {"client-certificate-data": data(f"{user}.crt"), "client-key-data": data(f"{user}.key")}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": lab.name, "cluster": cluster}],
            "users": [{"name": user, "user": identity}],
            "contexts": [{"name": lab.name, "context": {"cluster": lab.name, "user": user}}],
            "current-context": lab.name,
        },
        indent=2,
    )


def _openssl(*arguments: str | Path) -> None:
    run(["openssl", *arguments])


def _authority(folder: Path) -> None:
    key, certificate = folder / "ca.key", folder / "ca.crt"
    _openssl("req", "-x509", *_CURVE, "-keyout", key, "-out", certificate, "-days", _DAYS, "-subj", "/CN=slotwise-lab")
    account = folder / "service-account.key"
    _openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", account)
    _openssl("ec", "-in", account, "-pubout", "-out", folder / "service-account.pub")


def _sign(folder: Path, certificate: Certificate) -> None:
    stem = folder / certificate.name
    key, request, extensions = stem.with_suffix(".key"), stem.with_suffix(".csr"), stem.with_suffix(".ext")
    _openssl("req", *_CURVE, "-keyout", key, "-out", request, "-subj", certificate.subject)
    lines = ["extendedKeyUsage=clientAuth,serverAuth"]
    if certificate.names:
        lines.append("subjectAltName=" + ",".join(certificate.names))
    extensions.write_text("\n".join(lines) + "\n")
    serial = "0x" + "".join(f"{byte:02x}" for byte in certificate.name.encode())[:38]
    _openssl(
        "x509", "-req", "-in", request, "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-set_serial", serial,
        "-days", _DAYS, "-extfile", extensions, "-out", stem.with_suffix(".crt"),
    )  # fmt: skip
    request.unlink()
    extensions.unlink()


def _ssh_key(path: Path, comment: str) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])

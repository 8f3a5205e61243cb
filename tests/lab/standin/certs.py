# SPDX-License-Identifier: Apache-2.0
"""The host's certificates and kubeconfigs, made with the openssl program.

A CA of the host's own, the server certificate that API server and agent
show, and a client certificate for every component.  EC keys instead of the
original's RSA: thirty hosts shall not spend a minute on prime numbers.
"""
from __future__ import annotations

import base64
import hashlib
import os
import subprocess

from . import core

DAYS = "3650"
SERVER_DAYS = "365"
SERVICE_IP = "10.152.183.1"

CSR_TEMPLATE = """[ req ]
default_bits = 2048
prompt = no
default_md = sha256
req_extensions = req_ext
distinguished_name = dn

[ dn ]
C = GB
ST = Canonical
L = Canonical
O = Canonical
OU = Canonical
CN = 127.0.0.1

[ req_ext ]
subjectAltName = @alt_names

[ alt_names ]
DNS.1 = kubernetes
DNS.2 = kubernetes.default
DNS.3 = kubernetes.default.svc
DNS.4 = kubernetes.default.svc.cluster
DNS.5 = kubernetes.default.svc.cluster.local
IP.1 = 127.0.0.1
IP.2 = 10.152.183.1
#MOREIPS

[ v3_ext ]
authorityKeyIdentifier=keyid,issuer:always
basicConstraints=CA:FALSE
keyUsage=keyEncipherment,dataEncipherment,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=@alt_names
"""

#: file, subject and whose CA signs, for what every control plane has
CLIENTS = (
    ("client", "/O=system:masters/CN=admin", "ca"),
    ("controller", "/CN=system:kube-controller-manager", "ca"),
    ("scheduler", "/CN=system:kube-scheduler", "ca"),
    ("proxy", "/CN=system:kube-proxy", "ca"),
    ("apiserver-kubelet-client", "/O=system:masters/CN=kube-apiserver-"
     "kubelet-client", "ca"),
    ("front-proxy-client", "/CN=front-proxy-client", "front-proxy-ca"),
)

#: kubeconfig -> user; the certificate has the kubeconfig's name
KUBECONFIGS = {
    "client": "admin",
    "controller": "system:kube-controller-manager",
    "scheduler": "system:kube-scheduler",
    "proxy": "system:kube-proxy",
}


def _openssl(*args: str, text: str = "") -> None:
    """Run openssl; CalledProcessError with its words when it fails."""
    subprocess.run(["openssl", *args], input=text, text=True, check=True,
                   capture_output=True)


def _file(name: str) -> str:
    return str(core.path("certs", name))


def _share(*names: str) -> None:
    """Readable and writable for root and the group, as all of certs/ is."""
    for name in names:
        core.give_to_group(name, 0o660)


def _config(extensions: str) -> str:
    """An openssl configuration whose section `ext` has these lines."""
    return ("[req]\nprompt=no\ndistinguished_name=dn\n[dn]\nCN=x\n[ext]\n"
            + extensions)


def make_key(key: str) -> None:
    """A new private key in this file."""
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-out", key)
    _share(key)


def make_authority(name: str, subject: str) -> None:
    """certs/NAME.{key,crt}, self-signed, unless they are there."""
    key, certificate = _file(name + ".key"), _file(name + ".crt")
    if os.path.exists(key) and os.path.exists(certificate):
        return
    make_key(key)
    _openssl("req", "-x509", "-new", "-sha256", "-key", key, "-out",
             certificate, "-days", DAYS, "-subj", subject, "-config",
             "/dev/stdin", "-extensions", "ext", text=_config(
                 "basicConstraints=critical,CA:TRUE\n"
                 "subjectKeyIdentifier=hash\n"
                 "keyUsage=critical,keyCertSign,cRLSign,digitalSignature\n"))
    _share(certificate)


def _issue(name: str, authority: str, days: str, section: str, config: str,
           *more: str) -> None:
    """Sign a new certs/NAME.crt for certs/NAME.key, made if missing.

    Serial numbers are random and not from ca.srl: that file, and the race
    on it, belong to the agent's signings.
    """
    key, certificate = _file(name + ".key"), _file(name + ".crt")
    if not os.path.exists(key):
        make_key(key)
    # The new file takes the old one's place at once, never half-written.
    made = "%s.%d" % (certificate, os.getpid())
    _openssl("req", "-x509", "-new", "-sha256", "-key", key, "-out", made,
             "-days", days, "-CA", _file(authority + ".crt"), "-CAkey",
             _file(authority + ".key"), "-config", "/dev/stdin",
             "-extensions", section, *more, text=config)
    _share(made)
    os.replace(made, certificate)


def make_client_cert(name: str, subject: str, authority: str = "ca",
                     sans: list[str] | None = None) -> None:
    """certs/NAME.crt of a component, with the key that is there."""
    lines = ("basicConstraints=CA:FALSE\nkeyUsage=keyEncipherment,"
             "dataEncipherment,digitalSignature\n"
             "extendedKeyUsage=serverAuth,clientAuth\n")
    if sans:
        lines += "subjectAltName=%s\n" % ",".join(sans)
    _issue(name, authority, DAYS, "ext", _config(lines), "-subj", subject)


def make_kubelet_cert() -> None:
    """certs/kubelet.crt with the name and addresses of this moment."""
    name = core.hostname_lower()
    make_client_cert(
        "kubelet", "/O=system:nodes/CN=system:node:" + name,
        sans=["DNS:" + os.uname().nodename]
        + ["IP:" + address for address in core.all_ips()])


def render_csr() -> str:
    """csr.conf.template with this moment's addresses at #MOREIPS.

    The renderer skips the numbers that the template uses itself.
    """
    template = core.read_text(core.path("certs", "csr.conf.template"))
    used = {line.split("=")[0].strip() for line in template.splitlines()}
    lines, number = [], 0
    for address in core.all_ips():
        number += 1
        while "IP.%d" % number in used:
            number += 1
        lines.append("IP.%d = %s" % (number, address))
    return template.replace("#MOREIPS", "\n".join(lines))


def make_server_cert() -> None:
    """server.crt and front-proxy-client.crt from the template as it is."""
    rendered = render_csr()
    core.write_text(core.path("certs", "csr.conf.rendered"), rendered)
    core.write_text(core.path("certs", "csr.conf"), rendered)
    _issue("server", "ca", SERVER_DAYS, "v3_ext", rendered)
    make_client_cert(*CLIENTS[-1])


#: what `openssl ca` needs to sign with dates of one's own
_CA_CONFIG = """[ca]
default_ca = lab
[lab]
database = {0}/index
new_certs_dir = {0}
default_md = sha256
rand_serial = yes
unique_subject = no
policy = any
[any]
C = optional
ST = optional
L = optional
O = optional
OU = optional
CN = supplied
[ext]
basicConstraints = CA:FALSE
keyUsage = keyEncipherment,dataEncipherment,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectAltName = {1}
"""
#: the cluster's CA, laid there by the lab while a knob is turned
LAB_CA = "/run/lab-ca"


def _reissue_sans(what: str, fault: str) -> list[str]:
    """The names of a certificate with or without that fault."""
    names = (["DNS:" + os.uname().nodename] if what == "kubelet" else
             ["DNS:kubernetes", "DNS:kubernetes.default",
              "DNS:kubernetes.default.svc",
              "DNS:kubernetes.default.svc.cluster",
              "DNS:kubernetes.default.svc.cluster.local",
              "IP:" + SERVICE_IP])
    names.append("IP:127.0.0.1")
    if fault != "no-address":
        names += ["IP:" + address for address in core.all_ips()]
    return names


def reissue(what: str, fault: str) -> None:
    """certs/kubelet.crt or server.crt anew: no-address names loopback only,
    expired ended yesterday, none is as it should be.  CalledProcessError."""
    try:
        if os.path.exists(_file(what + ".key")):
            _reissue(what, fault)
    finally:
        for name in (".crt", ".key"):
            if os.path.exists(LAB_CA + name):
                os.unlink(LAB_CA + name)


def _reissue(what: str, fault: str) -> None:
    import tempfile
    import time
    form = "%Y%m%d%H%M%SZ"
    now = time.time()
    ends = now - 86400 if fault == "expired" else now + 365 * 86400
    subject = ("/O=system:nodes/CN=system:node:" + core.hostname_lower()
               if what == "kubelet" else "/C=GB/ST=Canonical/L=Canonical/"
               "O=Canonical/OU=Canonical/CN=127.0.0.1")
    made = "%s.%d" % (_file(what + ".crt"), os.getpid())
    with tempfile.TemporaryDirectory(prefix="lab-ca-") as folder:
        open(folder + "/index", "w", encoding="ascii").close()
        core.write_text(folder + "/ca.cnf", _CA_CONFIG.format(
            folder, ",".join(_reissue_sans(what, fault))))
        _openssl("req", "-new", "-sha256", "-key", _file(what + ".key"),
                 "-subj", subject, "-out", folder + "/csr")
        _openssl("ca", "-batch", "-notext", "-config", folder + "/ca.cnf",
                 "-cert", LAB_CA + ".crt", "-keyfile", LAB_CA + ".key",
                 "-in", folder + "/csr", "-extensions", "ext", "-out", made,
                 "-startdate", time.strftime(form, time.gmtime(
                     min(now, ends) - 86400)),
                 "-enddate", time.strftime(form, time.gmtime(ends)))
    _share(made)
    os.replace(made, _file(what + ".crt"))


def kubeconfig(user: str, name: str, embedded: bool) -> str:
    """The text of a kubeconfig for certs/NAME.{crt,key}."""
    def data(file: str) -> str:
        with open(file, "rb") as source:
            return base64.b64encode(source.read()).decode("ascii")

    certificate, key = _file(name + ".crt"), _file(name + ".key")
    if embedded:
        certificate, key = data(certificate), data(key)
    suffix = "-data" if embedded else ""
    return ("apiVersion: v1\n"
            "clusters:\n"
            "- cluster:\n"
            f"    certificate-authority-data: {data(_file('ca.crt'))}\n"
            "    server: https://127.0.0.1:16443\n"
            "  name: microk8s-cluster\n"
            "contexts:\n"
            "- context:\n"
            "    cluster: microk8s-cluster\n"
            f"    user: {user}\n"
            "  name: microk8s\n"
            "current-context: microk8s\n"
            "kind: Config\n"
            "preferences: {}\n"
            "users:\n"
            f"- name: {user}\n"
            "  user:\n"
            f"    client-certificate{suffix}: {certificate}\n"
            f"    client-key{suffix}: {key}\n")


def write_kubeconfigs() -> None:
    """The admin's has its certificate inside, the others name files."""
    users = dict(KUBECONFIGS)
    users["kubelet"] = "system:node:" + core.hostname_lower()
    for name, user in users.items():
        core.write_text(core.path("credentials", name + ".config"),
                        kubeconfig(user, name, name == "client"))


def init_ca_and_certs() -> None:
    """Every certificate anew; the CAs and the account key if missing."""
    make_authority("ca", "/CN=" + SERVICE_IP)
    make_authority("front-proxy-ca", "/CN=front-proxy-ca")
    if not os.path.exists(_file("serviceaccount.key")):
        make_key(_file("serviceaccount.key"))
    make_server_cert()
    for name, subject, authority in CLIENTS[:-1]:
        make_client_cert(name, subject, authority)
    make_kubelet_cert()
    write_kubeconfigs()


def init_backend() -> None:
    """What k8s-dqlite makes its empty datastore from at its next start."""
    backend = core.path("var", "kubernetes", "backend")
    os.makedirs(backend, exist_ok=True)
    core.give_to_group(backend, 0o770)
    key, certificate = str(backend / "cluster.key"), str(
        backend / "cluster.crt")
    make_key(key)
    _openssl("req", "-x509", "-new", "-sha256", "-key", key, "-out",
             certificate, "-days", DAYS, "-subj", "/CN=k8s", "-config",
             "/dev/stdin", "-extensions", "ext", text=_config(
                 "subjectAltName=DNS:k8s,IP:127.0.0.1\n"))
    _share(certificate)
    core.write_text(backend / "init.yaml", "Address: 127.0.0.1:19001\n")


def fingerprint12(name: str | os.PathLike[str]) -> str:
    """The first 12 hex digits of the SHA-256 over a certificate's DER."""
    with open(name, encoding="ascii") as source:
        text = source.read()
    start = text.index("-----BEGIN CERTIFICATE-----") + 27
    der = base64.b64decode(text[start:text.index("-----END", start)])
    return hashlib.sha256(der).hexdigest()[:12]

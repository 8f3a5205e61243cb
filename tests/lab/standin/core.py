# SPDX-License-Identifier: Apache-2.0
"""What commands and daemons share: knobs, time, files, addresses, the API.

Imported by every `microk8s` command, so nothing heavy is imported here
before it is needed.  Times are seconds of life (the sheet's, the original's);
scaled() turns them into the lab's.
"""
from __future__ import annotations

import json
import os
import time
from pathlib import Path

SNAP_DATA = "/var/snap/microk8s/current"
SNAP_COMMON = "/var/snap/microk8s/common"
SNAP = "/snap/microk8s/current"
GROUP = "microk8s"
CONTROL = "/run/snapd-lab.socket"
KNOB_FILE = "/etc/lab/knobs.json"

SERVICES = ("containerd", "k8s-dqlite", "etcd", "flanneld", "kubelite",
            "cluster-agent", "apiserver-kicker", "apiserver-proxy")

#: name, default, unit, what it does.  Values are text; switches are 0 or 1.
KNOBS = (
    ("time_scale", "0.05", "", "the lab's second per second of life"),
    ("installed", "0", "", "MicroK8s is there when the host first boots"),
    ("channel", "1.32/stable", "", "channel when `snap install` names none"),
    ("version", "", "", "MicroK8s' version; empty: the channel's"),
    ("revision", "", "", "the snap's revision; empty: the channel's"),
    ("install_seconds", "40", "s", "how long `snap install` takes"),
    ("install_fail", "0", "", "the install hook fails (no /dev/kmsg)"),
    ("refresh_fail", "0", "", "the post-refresh hook of a refresh fails, and "
     "snapd goes back"),
    ("refresh_dead", "0", "", "kubelite of a snap that was refreshed does not "
     "come up"),
    ("store_away", "0", "", "the snap store cannot be reached"),
    ("addon_seconds", "5", "s", "how long after `microk8s enable` has ended "
     "`status` shows the addon"),
    ("seed_seconds", "0", "s", "after boot snapd is not seeded for so long"),
    ("low_memory", "0", "", "the install hook finds less than 512 MB"),
    ("snap_busy", "", "", "kind of a change that snapd is busy with, such "
     "as auto-refresh"),
    ("snap_busy_seconds", "0", "s", "snap_busy's change ends by itself "
     "after so long (0: with the knob)"),
    ("change_seconds", "1.5", "s", "what snapd itself needs for a change "
     "of services"),
    ("join_seconds", "20", "s", "the joiner's own share of `microk8s join`"),
    ("join_hang", "0", "", "the agent takes a join and never answers"),
    ("lie_join_success", "0", "", "join ends well and no node appears; once: "
     "the first time a control plane does"),
    ("sign_fail_percent", "0", "%", "certificate signings that fail"),
    ("sign_race_percent", "2", "%", "signings that fail while another is "
     "under way"),
    ("restart_seconds", "20", "s", "from kubelite's start to an API that "
     "answers"),
    ("first_join_outage", "20", "s", "the API is away while the first join "
     "moves the datastore"),
    ("pod_seconds", "10", "s", "from a pod's arrival at its node to Ready"),
    ("calico_fail", "0", "", "calico-node does not get ready on this host"),
    ("token_seconds", "0", "s", "the agent takes so long to rewrite the token "
     "file; a token added meanwhile is lost"),
    ("node_ready_seconds", "15", "s", "from a kubelet's start to Ready"),
    ("api_hang", "0", "", "the API server accepts and never answers"),
    ("apply_fail", "0", "", "kubectl apply fails"),
    ("calico_card", "", "", "calico-node has taken the address of this card "
     "at its last start, as when the VPN came up late"),
    # What follows is done once, when the knob is turned: the cure by hand
    # lasts.
    ("kubelet_cert", "", "", "no-address or expired: kubelet.crt is reissued "
     "so, if there is one"),
    ("server_cert", "", "", "the same of server.crt, for the API server"),
    ("clock_offset", "0", "s", "real seconds by which the host's `date` is "
     "ahead"),
    ("hostname", "", "", "the host's name, instead of the topology's"),
    ("machine_id", "", "", "its machine-id, instead of a random one"),
    ("hosts_line", "", "", "a first line of /etc/hosts, such as 127.0.1.1 "
     "node2"),
    ("sudo", "", "", "missing, or password: ubuntu's sudo asks for one"),
    ("no_snapd", "0", "", "there is no snapd"),
    ("proxy", "", "", "the URL of http_proxy and https_proxy in "
     "/etc/environment"),
    ("port_16443_taken", "0", "", "something else listens on 16443"),
    ("balancer", "", "", "a TCP load balancer runs there, such as "
     "16443=10.8.0.4:16443,10.8.0.5:16443"),
    ("extra_address", "", "", "address/length on one more card, tun0"),
    ("path_mtu", "0", "", "UDP and ICMP packets larger than this vanish on "
     "their way to the host (TCP fits itself)"),
    ("udp4789_drop", "0", "", "the host's firewall drops VXLAN"),
)

_DEFAULTS = {row[0]: row[1] for row in KNOBS}
_known: tuple[object, dict[str, str]] = (None, {})


class ServiceFailed(Exception):
    """A daemon's crash; the text goes to its log."""


# --- knobs and time ---

def knobs_set() -> dict[str, str]:
    """The knobs that were set, read again when the file is a new one."""
    global _known
    try:
        found = os.stat(KNOB_FILE)
    except OSError:
        return {}
    mark = (found.st_ino, found.st_mtime_ns, found.st_size)
    if mark != _known[0]:
        with open(KNOB_FILE, encoding="utf-8") as source:
            _known = (mark, json.load(source))
    return _known[1]


def snap_version() -> str:
    """The version of the installed snap, from its own meta data."""
    try:
        with open(SNAP + "/meta/snap.yaml", encoding="utf-8") as source:
            for line in source:
                if line.startswith("version:"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return ""


def knob(name: str) -> str:
    """The value of a knob; of `version`, that of the installed snap."""
    value = knobs_set().get(name, "") or _DEFAULTS[name]
    return value or snap_version() if name == "version" else value


def knob_float(name: str) -> float:
    """A knob as a number."""
    return float(knob(name))


def knob_bool(name: str) -> bool:
    """A knob as a switch."""
    return knob(name) not in ("", "0", "no", "off", "false")


def scaled(seconds: float) -> float:
    """Seconds of life in seconds of the lab."""
    return seconds * knob_float("time_scale")


def sleep(seconds: float) -> None:
    """Sleep so many seconds of life; for commands, not for daemons."""
    time.sleep(scaled(seconds))


# --- files ---

def path(*parts: str) -> Path:
    """A path below SNAP_DATA."""
    return Path(SNAP_DATA, *parts)


def give_to_group(name: str | Path, mode: int) -> None:
    """Owner root:microk8s, as far as the caller may and the group exists."""
    import grp
    try:
        os.chmod(name, mode)
        os.chown(name, -1, grp.getgrnam(GROUP).gr_gid)
    except (KeyError, PermissionError):
        pass


def write_text(name: str | Path, text: str, mode: int = 0o660) -> None:
    """Write by renaming, for root and the group; makes the directory."""
    os.makedirs(os.path.dirname(name), exist_ok=True)
    temporary = "%s.%d.new" % (name, os.getpid())
    with open(temporary, "w", encoding="utf-8") as out:
        give_to_group(temporary, mode)
        out.write(text)
    os.replace(temporary, name)


def read_text(name: str | Path, otherwise: str = "") -> str:
    """A file's text, or `otherwise` when it cannot be read."""
    try:
        with open(name, encoding="utf-8") as source:
            return source.read()
    except OSError:
        return otherwise


def has_lock(name: str) -> bool:
    """Whether a marker file is there."""
    return os.path.exists("%s/var/lock/%s" % (SNAP_DATA, name))


def touch_lock(name: str) -> None:
    """Make a marker file; an old one gets a new time."""
    path("var", "lock", name).touch()


def drop_lock(name: str) -> None:
    """Remove a marker file if it is there."""
    path("var", "lock", name).unlink(missing_ok=True)


def arg(name: str, key: str) -> str | None:
    """The value of a flag in args/NAME, the last if there are several."""
    value = None
    for line in read_text(path("args", name)).splitlines():
        words = line.strip().replace("=", " ", 1).split(" ", 1)
        if words[0] == key:
            value = words[1].strip("\"' ") if len(words) > 1 else ""
    return value


def set_arg(name: str, key: str, value: str | None) -> None:
    """Edit args/NAME as join.py does, leaving NAME.backup.

    Every line that *starts* with the key is replaced (or dropped, with
    None); a last line without its newline swallows what is appended.
    """
    file = path("args", name)
    old = read_text(file)
    new = []
    done = False
    for line in old.splitlines(True):
        if not line.startswith(key):
            new.append(line)
            continue
        done = True
        if value is not None:
            new.append("%s=%s\n" % (key, value))
    if not done and value is not None:
        new.append("%s=%s\n" % (key, value))
    write_text(str(file) + ".backup", old)
    write_text(file, "".join(new))


# --- the host ---

def hostname_lower() -> str:
    """The name the host's Node object has."""
    return os.uname().nodename.lower()


def addresses() -> list[tuple[str, str, int]]:
    """(card, address, prefix length) of every address, IPv4 first.

    From the kernel itself: the kicker asks four times a second, and an
    `ip` process each time would be all a lab of thirty hosts does.
    """
    import socket
    import struct
    found = []
    for family in (socket.AF_INET, socket.AF_INET6):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
            # RTM_GETADDR; NLM_F_REQUEST | NLM_F_DUMP
            link.send(struct.pack("=IHHIIBBBBI", 24, 22, 0x301, 1, 0,
                                  family, 0, 0, 0, 0))
            found += _read_addresses(link, family)
    return found


def _read_addresses(link, family) -> list[tuple[str, str, int]]:
    """The answer to RTM_GETADDR, up to NLMSG_DONE."""
    import socket
    import struct
    found: list[tuple[str, str, int]] = []
    while True:
        data = link.recv(65536)
        at = 0
        while at + 16 <= len(data):
            length, kind = struct.unpack_from("=IH", data, at)
            if kind in (2, 3):  # NLMSG_ERROR, NLMSG_DONE
                return found
            prefix, _, scope, index = struct.unpack_from("=BBBI", data,
                                                         at + 17)
            part, end, value = at + 24, at + length, b""
            while part + 4 <= end:
                size, what = struct.unpack_from("=HH", data, part)
                # IFA_LOCAL is the own one on a point-to-point card
                if what == 2 or (what == 1 and not value):
                    value = data[part + 4:part + size]
                part += (max(size, 4) + 3) & ~3
            if value and scope < 253:  # not of the link, not of the host
                found.append((socket.if_indextoname(index),
                              socket.inet_ntop(family, value), prefix))
            at += (length + 3) & ~3


def default_device() -> str | None:
    """The card of the first default route."""
    for line in read_text("/proc/net/route").splitlines()[1:]:
        words = line.split()
        if words[1] == "00000000" and words[7] == "00000000":
            return words[0]
    return None


def default_ip() -> str:
    """utils.sh get_default_ip: the default route's address, or `none`."""
    device = default_device()
    for card, address, _ in addresses():
        if card == device and ":" not in address:
            return address
    import socket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            probe.connect(("255.255.255.255", 9))
            return probe.getsockname()[0]
        except OSError:
            return "none"


def all_ips() -> list[str]:
    """utils.sh get_ips: `hostname -I` without the pods' own networks."""
    return [address for card, address, _ in addresses()
            if not address.startswith("169.254.")
            and card not in ("lo", "vxlan.calico", "flannel.1", "cni0",
                             "ovn0")]


# --- snapd and the API ---

def ask(argv: list[str], timeout: float | None = None
        ) -> tuple[int, str, str]:
    """Have hostd do what snapd does; exit code, stdout and stderr."""
    import socket
    env = {"SNAP_LAB_TTY": os.environ.get("SNAP_LAB_TTY", "")}
    request = json.dumps({"argv": argv, "uid": os.geteuid(),
                          "env": env}) + "\n"
    try:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(timeout)
            stream.connect(CONTROL)
            stream.sendall(request.encode())
            with stream.makefile("rb") as lines:
                answer = json.loads(lines.readline())
    except (OSError, ValueError) as error:
        return (1, "", "error: cannot communicate with server: Get "
                "\"http://localhost/v2/\": dial unix /run/snapd.socket: "
                "connect: %s\n" % (getattr(error, "strerror", None)
                                   or "EOF").lower())
    return answer["rc"], answer["stdout"], answer["stderr"]


def snap(*args: str) -> tuple[int, str, str]:
    """`snap ARGS` from within a command."""
    return ask(["snap", *args])


def snapctl(*args: str) -> tuple[int, str, str]:
    """`snapctl ARGS` from within the snap."""
    return ask(["snapctl", *args])


def read_kubeconfig(name: str | Path) -> dict[str, str]:
    """server, ca, cert and key of a kubeconfig: an URL and PEM texts.

    Raises OSError when a file that it names cannot be read.
    """
    import base64
    import re
    with open(name, encoding="utf-8") as source:
        fields = dict(re.findall(r"^[ -]*([\w-]+): *(\S+) *$",
                                 source.read(), re.M))
    found = {"server": fields.get("server", "")}
    for key, field in (("ca", "certificate-authority"),
                       ("cert", "client-certificate"),
                       ("key", "client-key")):
        data = fields.get(field + "-data")
        if data is not None:
            found[key] = base64.b64decode(data).decode("ascii")
        else:
            with open(fields.get(field, ""), encoding="ascii") as source:
                found[key] = source.read()
    return found


def client_context(config: dict[str, str]):
    """An ssl.SSLContext with a kubeconfig's CA and client certificate."""
    import ssl
    context = ssl.create_default_context(cadata=config["ca"])
    # load_cert_chain wants a file; this one has no name.
    number = os.memfd_create("client")
    try:
        os.write(number, (config["cert"] + "\n" + config["key"]).encode())
        context.load_cert_chain("/proc/self/fd/%d" % number)
    finally:
        os.close(number)
    return context


def api(method: str, where: str, body: object = None,
        timeout: float | None = None) -> tuple[int, object]:
    """One request to this host's API as the admin: status and answer.

    The answer is parsed JSON, else text.  `timeout` is in real seconds.
    """
    import http.client
    config = read_kubeconfig(path("credentials", "client.config"))
    host, _, port = config["server"].rpartition("/")[2].partition(":")
    server = http.client.HTTPSConnection(
        host, int(port or 443), timeout=timeout,
        context=client_context(config))
    try:
        merge = "merge-patch+" if method == "PATCH" else ""
        server.request(method, where,
                       None if body is None else json.dumps(body),
                       {"Content-Type": "application/%sjson" % merge,
                        "Accept": "application/json"})
        response = server.getresponse()
        text = response.read().decode()
        if "json" in (response.getheader("Content-Type") or ""):
            return response.status, json.loads(text)
        return response.status, text
    finally:
        server.close()

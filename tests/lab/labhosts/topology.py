# SPDX-License-Identifier: Apache-2.0
"""Which hosts there are, on which networks, at which addresses.

The default is the cluster this project began with: three hosts on private
networks that cannot reach each other, joined by a VPN.  A file in INI form
describes any other.  This module only reads and checks; it builds nothing.
"""
from __future__ import annotations

import configparser
import ipaddress
import re
from dataclasses import dataclass, field

from .errors import EX_DATAERR, EX_NOINPUT, EX_USAGE, LabError

MAX_HOSTS = 240
ROLES = ("master", "worker")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")
_RESERVED = ("all", "laptop")
_HOST_WORDS = ("default", "role", "via")


@dataclass
class Nic:
    """One network card; `device` is its name inside the host."""
    network: str
    address: str
    prefix: int
    device: str

    @property
    def mac(self) -> str:
        """Derived from the address, so that everybody's neighbour tables can
        be filled before anybody is up."""
        return "02:00:" + ":".join(
            f"{byte:02x}" for byte in
            ipaddress.IPv4Address(self.address).packed)


@dataclass
class Host:
    name: str
    nics: list[Nic]
    default: str | None = None
    role: str = "worker"
    via: str | None = None
    knobs: dict[str, str] = field(default_factory=dict)

    def nic_on(self, network: str) -> Nic | None:
        return next((n for n in self.nics if n.network == network), None)


@dataclass
class Topology:
    networks: dict[str, str]
    hosts: list[Host]
    laptop: Host
    seedlike: bool = False

    def host(self, name: str) -> Host:
        for host in self.hosts:
            if host.name == name:
                return host
        known = ", ".join(host.name for host in self.hosts)
        raise LabError(f"no host '{name}' in this lab\nhosts: {known}",
                       EX_USAGE)

    def everybody(self) -> list[Host]:
        return [self.laptop, *self.hosts]

    def laptop_address(self, host: Host) -> str:
        """The address at which the laptop, or the host that it goes through,
        reaches a host."""
        for nic in (self.host(host.via) if host.via else self.laptop).nics:
            other = host.nic_on(nic.network)
            if other:
                return other.address
        raise LabError(f"{host.name} shares no network with "
                       f"{host.via or 'the laptop'}")

    def gateway(self, host: Host) -> str | None:
        """An address on the default network that no host has: nothing behind
        it ever answers, and that is the point."""
        if host.default is None:
            return None
        taken = {nic.address for h in self.everybody() for nic in h.nics
                 if nic.network == host.default}
        for address in ipaddress.IPv4Network(
                self.networks[host.default]).hosts():
            if str(address) not in taken:
                return str(address)
        return None

    def to_json(self) -> dict:
        def plain(host: Host) -> dict:
            return {**vars(host), "nics": [vars(n) for n in host.nics]}
        return {"networks": self.networks, "seedlike": self.seedlike,
                "hosts": [plain(h) for h in self.hosts],
                "laptop": plain(self.laptop)}

    @staticmethod
    def from_json(data: dict) -> "Topology":
        def host(plain: dict) -> Host:
            return Host(**{**plain, "nics": [Nic(**n) for n in plain["nics"]]})
        return Topology(data["networks"], [host(h) for h in data["hosts"]],
                        host(data["laptop"]), data["seedlike"])


def _nics(pairs: list[tuple[str, str]], networks: dict[str, str]) -> list[Nic]:
    """A network whose name begins with "vpn" gets a card wgN, others ethN."""
    counts = {"wg": 0, "eth": 0}
    nics = []
    for network, address in pairs:
        kind = "wg" if network.startswith("vpn") else "eth"
        prefix = ipaddress.IPv4Network(networks[network]).prefixlen
        nics.append(Nic(network, address, prefix, f"{kind}{counts[kind]}"))
        counts[kind] += 1
    return nics


SEED_HOSTS = (
    ("home", "192.168.88.0/24", "192.168.88.193"),
    ("lan2", "10.0.0.0/24", "10.0.0.192"),
    ("lan3", "10.0.0.0/24", "10.0.0.58"),
)


def extend(topology: Topology, count: int) -> list[Host]:
    """Append `count` hosts of the default pattern and return them."""
    new = []
    for _ in range(count):
        number = len(topology.hosts) + 1
        if number > MAX_HOSTS:
            raise LabError(f"the lab holds at most {MAX_HOSTS} hosts",
                           EX_USAGE)
        if number <= len(SEED_HOSTS):
            lan, cidr, address = SEED_HOSTS[number - 1]
        else:
            lan, cidr = f"lan{number}", f"172.16.{number}.0/24"
            address = f"172.16.{number}.2"
        topology.networks[lan] = cidr
        pairs = [(lan, address), ("vpn", f"10.8.0.{number + 3}")]
        host = Host(f"node{number}", _nics(pairs, topology.networks), lan,
                    "master" if number == 1 else "worker")
        topology.hosts.append(host)
        new.append(host)
    return new


def seed(count: int) -> Topology:
    networks = {"vpn": "10.8.0.0/24"}
    laptop = Host("laptop", _nics([("vpn", "10.8.0.2")], networks))
    topology = Topology(networks, [], laptop, seedlike=True)
    extend(topology, count)
    return topology


class _Reader:
    """Reads a topology file; every complaint names file and section."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.networks: dict[str, str] = {}
        self.taken: dict[tuple[str, str], str] = {}

    def fail(self, section: str | None, message: str) -> LabError:
        where = f"{self.path}: [{section}]" if section else self.path
        return LabError(f"{where}: {message}", EX_DATAERR)

    def parse(self) -> configparser.ConfigParser:
        parser = configparser.ConfigParser(
            interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"),
            default_section="\0none")
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        try:
            with open(self.path, encoding="utf-8") as stream:
                parser.read_file(stream)
        except OSError as error:
            raise LabError(f"{self.path}: {error.strerror}",
                           EX_NOINPUT) from None
        except UnicodeDecodeError:
            raise self.fail(None, "not UTF-8 text") from None
        except configparser.Error as error:
            raise self.fail(getattr(error, "section", None),
                            " ".join(str(error).split())) from None
        return parser

    def read_networks(self, parser: configparser.ConfigParser) -> None:
        if not parser.has_section("networks"):
            raise self.fail(None, "no section [networks]; it lists every "
                            "network as `name = 10.0.0.0/24`")
        for name, cidr in parser.items("networks"):
            if not _NAME.match(name) or name in _HOST_WORDS:
                raise self.fail("networks", f"'{name}' is no network name")
            try:
                network = ipaddress.IPv4Network(cidr)
            except ValueError as error:
                raise self.fail("networks", f"{name}: {error}") from None
            if network.prefixlen > 30:
                raise self.fail("networks", f"{name}: {cidr} is too small")
            self.networks[name] = cidr

    def read_host(self, section: str, name: str, options: list[tuple[str, str]]
                  ) -> Host:
        pairs = [(k, v) for k, v in options if k in self.networks]
        for network, address in pairs:
            cidr = ipaddress.IPv4Network(self.networks[network])
            try:
                value = ipaddress.IPv4Address(address)
            except ValueError as error:
                raise self.fail(section, f"{network}: {error}") from None
            if value not in cidr or value in (cidr.network_address,
                                              cidr.broadcast_address):
                raise self.fail(section, f"{network}: {address} is not a host "
                                f"address of {cidr}")
            other = self.taken.setdefault((network, address), name)
            if other != name:
                raise self.fail(section, f"{network}: {address} is already "
                                f"that of {other}")
        if not pairs:
            raise self.fail(section, "has no address; write "
                            "`network = address` with a name of [networks]")
        host = Host(name, _nics(pairs, self.networks))
        for key, value in options:
            self.read_option(section, host, key, value)
        return host

    def read_option(self, section: str, host: Host, key: str, value: str
                    ) -> None:
        if key in self.networks:
            return
        if key == "default":
            if host.nic_on(value) is None:
                raise self.fail(section, f"default = {value}: the host has no "
                                "address on that network")
            host.default = value
        elif key == "role":
            if value not in ROLES:
                raise self.fail(section, f"role = {value}: use "
                                + " or ".join(ROLES))
            host.role = value
        elif key == "via":
            host.via = value
        elif key.startswith("knob."):
            host.knobs[key[len("knob."):]] = value
        else:
            known = ", ".join([*self.networks, *_HOST_WORDS, "knob.NAME"])
            raise self.fail(section, f"unknown key '{key}' (known: {known})")

    def read(self) -> Topology:
        parser = self.parse()
        self.read_networks(parser)
        hosts: list[Host] = []
        laptop: Host | None = None
        for section in parser.sections():
            options = parser.items(section)
            kind, _, name = section.partition(" ")
            name = name.strip()
            if section == "networks":
                continue
            if section == "laptop":
                laptop = self.read_host(section, "laptop", options)
            elif kind == "host" and name:
                if not _NAME.match(name) or name in _RESERVED:
                    raise self.fail(section, f"'{name}' is no host name")
                hosts.append(self.read_host(section, name, options))
            else:
                raise self.fail(section, "unknown section; there are "
                                "[networks], [laptop] and [host NAME]")
        return self.finish(hosts, laptop)

    def finish(self, hosts: list[Host], laptop: Host | None) -> Topology:
        if not 1 <= len(hosts) <= MAX_HOSTS:
            raise self.fail(None, f"{len(hosts)} hosts; 1 to {MAX_HOSTS} are "
                            "possible, each a section [host NAME]")
        if laptop is None:
            laptop = self.default_laptop()
        topology = Topology(self.networks, hosts, laptop)
        for host in hosts:
            self.check_way(topology, host)
        if not any(host.role == "master" for host in hosts):
            hosts[0].role = "master"
        return topology

    def check_way(self, topology: Topology, host: Host) -> None:
        """The laptop reaches every host, or another one that does."""
        gate = next((h for h in topology.hosts if h.name == host.via), None)
        if host.via and (gate is None or gate.via):
            raise self.fail(f"host {host.name}", f"via = {host.via}: no host "
                            "that the laptop reaches itself")
        try:
            topology.laptop_address(host)
        except LabError:
            raise self.fail(f"host {host.name}", "shares no network with "
                            f"{host.via or 'the laptop'}, so nobody could "
                            "log in") from None

    def default_laptop(self) -> Host:
        """On the network "vpn" (or else the first), at its first free
        address from .2 on."""
        network = "vpn" if "vpn" in self.networks else next(
            iter(self.networks), None)
        if network is None:
            raise self.fail("networks", "is empty")
        for address in list(ipaddress.IPv4Network(
                self.networks[network]).hosts())[1:]:
            if (network, str(address)) not in self.taken:
                return Host("laptop",
                            _nics([(network, str(address))], self.networks))
        raise self.fail("networks", f"{network}: no address left for the "
                        "laptop")


def load(path: str) -> Topology:
    return _Reader(path).read()

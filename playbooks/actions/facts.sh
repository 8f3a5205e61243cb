# SPDX-License-Identifier: Apache-2.0
#
# Reads everything muster wants to know about one host, in one round trip, as
# root, changing nothing: sh -s -- [master|worker]. Prints key=value lines
# (read by facts.c and, those of check.*, by checks.c of playbooks/microk8s);
# what cannot be told is left out, and a last line end=1 tells that nothing was
# cut off. Plain POSIX sh with the tools of dash or busybox; every other tool
# may be missing.

LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin:/snap/bin
export LC_ALL PATH

data=/var/snap/microk8s/current
common=/var/snap/microk8s/common
# Larger files are none that we could mean.
file_max=131072

have() {
	command -v "$1" >/dev/null 2>&1
}

# One line of plain text: a value must not be able to end its line.
say() {
	value=$2
	case $value in
	*[[:cntrl:]]*)
		value=$(printf '%s' "$value" | tr '\000-\037\177' ' ') ;;
	esac
	if [ -n "$value" ]; then
		printf '%s=%s\n' "$1" "$value"
	fi
}

say_first_line() {
	if [ -r "$2" ]; then
		line=
		IFS= read -r line <"$2"
		say "$1" "$line"
	fi
}

encode() {
	if have base64; then
		base64 -w 0
	else
		openssl base64 -A
	fi
}

say_file() {
	[ -f "$2" ] && [ -r "$2" ] || return 0
	if [ "$(wc -c <"$2")" -gt "$file_max" ]; then
		say too_large "$1"
		return 0
	fi
	printf 'file.%s=' "$1"
	encode <"$2"
	printf '\n'
}

# Seconds since a file was last written.
say_age() {
	written=$(stat -c %Y "$2" 2>/dev/null)
	if [ -n "$written" ]; then
		say "age.$1" "$(($(date +%s) - written))"
	fi
}

# White space does not count: the copy a worker keeps of its master's
# certificate has travelled through JSON.
say_sha256() {
	[ -r "$2" ] || return 0
	if have sha256sum; then
		sum=$(tr -d ' \t\r\n' <"$2" | sha256sum)
	else
		sum=$(tr -d ' \t\r\n' <"$2" | openssl dgst -sha256 -r 2>/dev/null)
	fi
	say "sha256.$1" "${sum%% *}"
}

find_openssl() {
	if have openssl; then
		openssl=openssl
	elif [ -x /snap/microk8s/current/usr/bin/openssl ]; then
		openssl=/snap/microk8s/current/usr/bin/openssl
	else
		openssl=
	fi
}

say_cert() {
	[ -n "$openssl" ] && [ -r "$2" ] || return 0
	text=$("$openssl" x509 -in "$2" -noout -text 2>/dev/null)
	say "cert.$1.san" "$(printf '%s\n' "$text" |
		sed -n '/Subject Alternative Name/{n;s/^ *//;p;q;}')"
	say "cert.$1.end" "$(printf '%s\n' "$text" |
		sed -n 's/^ *Not After *: *//p' | head -n 1)"
}

machine() {
	name=$(uname -n)
	say hostname "$name"
	say node_name "$(printf '%s' "$name" | tr '[:upper:]' '[:lower:]')"
	say_first_line machine_id /etc/machine-id
	say kernel "$(uname -r)"
	say arch "$(uname -m)"
	if [ -r /etc/os-release ]; then
		say os "$(sed -n 's/^PRETTY_NAME=//p' /etc/os-release |
			tr -d "\"'" | head -n 1)"
	fi
	say epoch "$(date +%s)"
	if [ -r /proc/uptime ]; then
		read -r uptime rest </proc/uptime
		say uptime "${uptime%%.*}"
	fi
	if [ -r /proc/meminfo ]; then
		say memory_kb "$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' \
			/proc/meminfo)"
	fi
	if [ -d /run/systemd/system ]; then
		say systemd 1
	fi
	if grep -qi '^[[:space:]]*\(export[[:space:]]*\)\{0,1\}https\{0,1\}_proxy=.' \
		/etc/environment 2>/dev/null; then
		say proxy_environment 1
	fi
}

network() {
	have ip || return 0
	ip -o -4 addr show 2>/dev/null |
	while read -r index iface family address rest; do
		if [ -n "$index" ] && [ "$family" = inet ]; then
			say address "${iface%%@*} $address"
		fi
	done
	route=$(ip -4 route show default 2>/dev/null | head -n 1)
	say default_iface "$(printf '%s\n' "$route " |
		sed -n 's/.* dev \([^ ]*\) .*/\1/p')"
	say default_src "$(printf '%s\n' "$route " |
		sed -n 's/.* src \([^ ]*\) .*/\1/p')"
}

# A snapd that hangs must not hang us.
list_snap() {
	if have timeout; then
		timeout 30 "$snap" list microk8s 2>&1
	else
		"$snap" list microk8s 2>&1
	fi
}

snap_state() {
	snap=$(command -v snap 2>/dev/null)
	say snap_path "$snap"
	[ -n "$snap" ] || return 0
	if listed=$(list_snap); then
		say snap_row "$(printf '%s\n' "$listed" |
			sed -n '/^microk8s[[:space:]]/p' | head -n 1)"
		return 0
	fi
	case $listed in
	*"no matching snaps"* | *"o snaps are installed"*) ;;
	*) say snap_error "$(printf '%s\n' "$listed" | head -n 1)" ;;
	esac
}

locks() {
	for lock in clustered.lock no-cert-reissue join-in-progress \
		stopped.lock no-apiserver-proxy no-k8s-dqlite ha-cluster \
		installed.lock lite.lock low-memory-guard.lock cni-loaded; do
		if [ -e "$data/var/lock/$lock" ]; then
			say lock "$lock"
		fi
	done
	for service in kubelite k8s-dqlite apiserver-proxy containerd \
		cluster-agent; do
		if [ -e "$common/muster/pending/$service" ]; then
			say pending "$service"
		fi
	done
}

files() {
	say_age clustered "$data/var/lock/clustered.lock"
	say_age provider "$data/args/traefik/provider.yaml"
	say_age kubelet "$data/args/kubelet"
	say_age apiserver "$data/args/kube-apiserver"
	say_file args_apiserver "$data/args/kube-apiserver"
	say_file args_kubelet "$data/args/kubelet"
	say_file args_proxy "$data/args/kube-proxy"
	say_file args_apiserver_proxy "$data/args/apiserver-proxy"
	say_file args_cluster_agent "$data/args/cluster-agent"
	say_file provider "$data/args/traefik/provider.yaml"
	say_file backend_info "$data/var/kubernetes/backend/info.yaml"
	say_file backend_cluster "$data/var/kubernetes/backend/cluster.yaml"
}

certificates() {
	find_openssl
	if [ -n "$openssl" ]; then
		say openssl 1
	fi
	say_sha256 ca "$data/certs/ca.crt"
	say_sha256 ca_remote "$data/certs/ca.remote.crt"
	say_cert server "$data/certs/server.crt"
	say_cert kubelet "$data/certs/kubelet.crt"
}

# Only a control plane's copy of the manifest says anything.
cni() {
	if [ "$1" != worker ] && [ -r "$data/args/cni-network/cni.yaml" ]; then
		say cni_method "$(sed -n \
			'/^[[:space:]]*- *name: *["'\'']\{0,1\}IP_AUTODETECTION_METHOD/{
				n
				s/^[[:space:]]*value:[[:space:]]*//p
				q
			}' "$data/args/cni-network/cni.yaml")"
	fi
}

# Names that /etc/hosts maps to this host itself.
loopback_names() {
	while read -r address names; do
		case $address in
		127.*) ;;
		*) continue ;;
		esac
		for word in $names; do
			case $word in
			"#"*) break ;;
			localhost*) ;;
			*) say check.loopback "$address $word" ;;
			esac
		done
	done </etc/hosts
}

# The name of a process; those of the snap are all one.
owner_of() {
	case $(tr '\000' ' ' <"/proc/$1/cmdline")$(cat "/proc/$1/cgroup") in
	*microk8s*) echo microk8s ;;
	*) tr ' ' '_' <"/proc/$1/comm" ;;
	esac
}

# Who listens where MicroK8s will; state 0A is LISTEN.
listeners() {
	for port in 16443 25000 10250; do
		hex=$(printf '%04X' "$port")
		cat /proc/net/tcp /proc/net/tcp6 |
		grep -q "^ *[0-9]*: [0-9A-F]*:$hex [0-9A-F:]* 0A " || continue
		owner=
		if have ss; then
			pid=$(ss -ltnpH "sport = :$port" |
				sed -n 's/.*pid=\([0-9]*\).*/\1/p' |
				head -n 1)
			[ -z "$pid" ] || owner=$(owner_of "$pid")
		fi
		say check.listen "$port ${owner:-?}"
	done
}

links_and_routes() {
	have ip || return 0
	ip -o link show 2>/dev/null |
	while read -r index iface flags word mtu rest; do
		iface=${iface%:}
		if [ "$word" = mtu ]; then
			say check.mtu "${iface%%@*} $mtu"
		fi
	done
	ip -o -4 route show 2>/dev/null |
	while read -r net word iface rest; do
		case $net in
		default) continue ;;
		esac
		if [ "$word" = via ]; then
			iface=${rest#dev }
			iface=${iface%% *}
		fi
		say check.route "$net $iface"
	done
}

# Only what is surely so: a missing file tells nothing.
kernel() {
	controllers=/sys/fs/cgroup/cgroup.controllers
	if [ -r "$controllers" ] && ! grep -qw memory "$controllers"; then
		say check.cgroup_memory_off 1
	elif [ ! -e "$controllers" ] &&
		grep -q '^memory.*[[:space:]]0$' /proc/cgroups; then
		say check.cgroup_memory_off 1
	fi
	if have modprobe && [ -d "/lib/modules/$(uname -r)" ]; then
		for module in vxlan br_netfilter; do
			[ -d "/sys/module/$module" ] ||
			modprobe -n "$module" ||
			say check.no_module "$module"
		done
	fi
	# Not by read: it takes byte for byte, of which such files give one.
	say check.inotify "$(cat /proc/sys/fs/inotify/max_user_instances)"
	say check.selinux "$(cat /sys/fs/selinux/enforce)"
	say check.container "$(tr '\000' '\n' </proc/1/environ |
		sed -n 's/^container=//p' | head -n 1)"
}

firewall() {
	if grep -q '^ENABLED=yes' /etc/ufw/ufw.conf &&
		grep -q '^DEFAULT_FORWARD_POLICY="DROP"' /etc/default/ufw; then
		say check.ufw_drops_routed 1
		return 0
	fi
	have iptables && have timeout || return 0
	rules=$(timeout 5 iptables -S FORWARD)
	case $rules in
	"-P FORWARD DROP"*) say check.forward_drop 1 ;;
	esac
	if printf '%s\n' "$rules" |
		grep -q '^-A FORWARD -j \(DROP\|REJECT\)'; then
		say check.forward_rejects 1
	fi
}

surroundings() {
	loopback_names
	listeners
	links_and_routes
	kernel
	firewall
	say check.no_proxy "$(sed -n \
		's/^[[:space:]]*\(export[[:space:]]*\)\{0,1\}[nN][oO]_[pP][rR][oO][xX][yY]=//p' \
		/etc/environment | tr -d "\"'" | head -n 1)"
	if grep -qsE 'wg-quick|tailscaled|zerotier|openvpn' \
		/etc/systemd/system/snap.microk8s.daemon-kubelite.service.d/*.conf; then
		say check.vpn_ordered 1
	fi
}

main() {
	machine
	network
	surroundings
	snap_state
	if [ -d "$data/" ]; then
		locks
		files
		certificates
		cni "${1:-}"
	fi
	printf 'end=1\n'
}

# This text is the shell's standard input: nothing in it may read from there.
main "$@" </dev/null 2>/dev/null

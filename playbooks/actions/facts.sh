# SPDX-License-Identifier: Apache-2.0
#
# Reads everything muster wants to know about one host, in one round trip, as
# root, changing nothing: sh -s -- [master|worker]. Prints key=value lines
# (read by facts.c and, those of check.*, by checks.c of playbooks/microk8s);
# what cannot be told is left out, and a last line end=1 tells that nothing was
# cut off. Plain POSIX sh with the tools of dash or busybox; every other tool
# may be missing.
#
# It runs on every host at every look, and what it costs there is its
# processes: so the shell itself takes texts apart, functions leave what they
# found in a variable instead of printing it into $(...), and what can be done
# on the laptop is done there. `read` asks the kernel for byte after byte: good
# for a short file, for the output of a command each_line is.

LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin:/snap/bin
export LC_ALL PATH
# Nothing that a command prints is a pattern for files.
set -f

data=/var/snap/microk8s/current
common=/var/snap/microk8s/common
# Larger files are none that we could mean.
file_max=131072
newline='
'
blanks=' 	'$newline
IFS=$blanks

have() {
	command -v "$1" >/dev/null 2>&1
}

# $value: $1 with each character of the class $2 become $3.
replace() {
	value=$1
	while :; do
		# shellcheck disable=SC2295 # $2 is to be a pattern
		case $value in
		*[$2]*) value=${value%%[$2]*}$3${value#*[$2]} ;;
		*) return 0 ;;
		esac
	done
}

# One line of plain text: a value must not be able to end its line.
say() {
	replace "$2" '[:cntrl:]' ' '
	if [ -n "$value" ]; then
		printf '%s=%s\n' "$1" "$value"
	fi
}

# Calls $1 with the words of each line of $2.
each_line() {
	IFS=$newline
	for line in $2; do
		IFS=$blanks
		# shellcheck disable=SC2086 # its words
		"$1" $line
	done
	IFS=$blanks
}

# A node's name may have blanks in it, a kernel's and a machine's have none.
names() {
	if [ -r /proc/sys/kernel/arch ]; then	# since Linux 6.1
		read -r arch </proc/sys/kernel/arch
		read -r kernel </proc/sys/kernel/osrelease
		read -r names </proc/sys/kernel/hostname
	else
		names=$(uname -nrm)
		arch=${names##* }
		names=${names% *}
		kernel=${names##* }
		names=${names% *}
	fi
	say hostname "$names"
	say kernel "$kernel"
	say arch "$arch"
}

os() {
	while read -r line || [ -n "$line" ]; do
		case $line in
		PRETTY_NAME=*)
			replace "${line#*=}" "\"'" ''
			say os "$value"
			return 0
			;;
		esac
	done </etc/os-release
}

memory() {
	while read -r word number rest; do
		if [ "$word" = MemTotal: ]; then
			say memory_kb "$number"
			return 0
		fi
	done </proc/meminfo
}

# What is set for every login: whether there is a proxy, and for whom not.
environment() {
	proxy=
	direct=
	while read -r line || [ -n "$line" ]; do
		case $line in
		export*) line=${line#export}
			line=${line#"${line%%[![:space:]]*}"} ;;
		esac
		case $line in
		[hH][tT][tT][pP]_[pP][rR][oO][xX][yY]=?* | \
		[hH][tT][tT][pP][sS]_[pP][rR][oO][xX][yY]=?*)
			proxy=1 ;;
		[nN][oO]_[pP][rR][oO][xX][yY]=*)
			direct=${direct:-$line} ;;
		esac
	done </etc/environment
	say proxy_environment "$proxy"
	replace "${direct#*=}" "\"'" ''
	say check.no_proxy "$value"
}

machine() {
	names
	if [ -r /etc/machine-id ]; then
		read -r line </etc/machine-id
		say machine_id "$line"
	fi
	if [ -r /etc/os-release ]; then
		os
	fi
	say epoch "$(date +%s)"
	if [ -r /proc/uptime ]; then
		read -r uptime rest </proc/uptime
		say uptime "${uptime%%.*}"
	fi
	if [ -r /proc/meminfo ]; then
		memory
	fi
	if [ -d /run/systemd/system ]; then
		say systemd 1
	fi
	if [ -r /etc/environment ]; then
		environment
	fi
}

# "2: eth0@if7: <UP> mtu 1500 ..." and, below it, "inet 10.0.0.1/24 ..."
link_or_address() {
	case $1 in
	[0-9]*:)
		iface=${2%:}
		iface=${iface%%@*}
		if [ "$4" = mtu ]; then
			say check.mtu "$iface $5"
		fi
		;;
	inet)
		say address "$iface $2"
		;;
	esac
}

# "10.8.0.0/24 dev wg0 ...", "default via 10.0.0.1 dev eth0 src 10.0.0.58";
# the default route that counts is the first one.
route() {
	net=$1
	dev=
	src=
	while [ $# -gt 1 ]; do
		case $1 in
		dev) dev=$2 ;;
		src) src=$2 ;;
		esac
		shift
	done
	case $net in
	nexthop) ;;
	default)
		if [ -z "$default" ]; then
			say default_iface "$dev"
			say default_src "$src"
			default=said
		fi
		;;
	*)
		say check.route "$net ${dev:-?}"
		;;
	esac
}

network() {
	have ip || return 0
	default=
	each_line link_or_address "$(ip addr show)"
	each_line route "$(ip -4 route show)"
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

# $owner: the name of process $1; those of the snap are all one.
find_owner() {
	owner=
	for file in cgroup cmdline; do
		while read -r line || [ -n "$line" ]; do
			case $line in
			*microk8s*)
				owner=microk8s
				return 0
				;;
			esac
		done <"/proc/$1/$file"
	done
	read -r owner <"/proc/$1/comm"
	replace "$owner" ' ' _
	owner=$value
}

# Whether $sockets has one of port $1, in hexadecimal $2, and whose it is.
listener() {
	heard=
	pid=
	IFS=$newline
	for line in $sockets; do
		case $line in
		*":$1 "*pid=[0-9]*)
			heard=1
			pid=${line##*pid=}
			break
			;;
		*":$1 "* | *":$2 "*)
			heard=1
			;;
		esac
	done
	IFS=$blanks
	[ -n "$heard" ] || return 0
	owner=
	if [ -n "$pid" ]; then
		find_owner "${pid%%[!0-9]*}"
	fi
	say check.listen "$1 ${owner:-?}"
}

# Who listens where MicroK8s will. The kernel's own list, where state 0A is
# LISTEN, knows no owners and costs it 8 ms: it is made by going through the
# whole table of connections.
listeners() {
	if ! have ss || ! sockets=$(ss -ltnpH \
		'sport = :16443 or sport = :25000 or sport = :10250'); then
		sockets=$(grep -hE \
			'^ *[0-9]+: [0-9A-F]+:(403B|61A8|280A) [0-9A-F:]+ 0A ' \
			/proc/net/tcp /proc/net/tcp6)
	fi
	listener 16443 403B
	listener 25000 61A8
	listener 10250 280A
}

# Says that the kernel was told to do without; a missing file tells nothing.
cgroup_memory() {
	controllers=/sys/fs/cgroup/cgroup.controllers
	if [ -r "$controllers" ]; then
		read -r line <"$controllers"
		case " $line " in
		*" memory "*) ;;
		*) say check.cgroup_memory_off 1 ;;
		esac
	elif [ ! -e "$controllers" ] && [ -r /proc/cgroups ]; then
		while read -r name _ _ enabled; do
			if [ "$name $enabled" = "memory 0" ]; then
				say check.cgroup_memory_off 1
			fi
		done </proc/cgroups
	fi
}

modules() {
	have modprobe && [ -d "/lib/modules/$kernel" ] || return 0
	for module in vxlan br_netfilter; do
		[ -d "/sys/module/$module" ] ||
		modprobe -n "$module" ||
		say check.no_module "$module"
	done
}

# `read` loses the zero bytes between the variables, so it can but tell
# whether it is worth the while to take them apart.
container() {
	while read -r line || [ -n "$line" ]; do
		case $line in
		*container=*)
			say check.container "$(tr '\000' '\n' </proc/1/environ |
				sed -n '/^container=/{s///p;q;}')"
			return 0
			;;
		esac
	done </proc/1/environ
}

kernel() {
	cgroup_memory
	modules
	# Not by read: of such a file it would get the first byte.
	say check.inotify "$(cat /proc/sys/fs/inotify/max_user_instances)"
	if [ -r /sys/fs/selinux/enforce ]; then
		read -r line </sys/fs/selinux/enforce
		say check.selinux "$line"
	fi
	container
}

# Whether a line of $1 begins with $2.
line_begins() {
	while read -r line || [ -n "$line" ]; do
		case $line in
		"$2"*) return 0 ;;
		esac
	done <"$1"
	return 1
}

firewall() {
	if [ -r /etc/ufw/ufw.conf ] && [ -r /etc/default/ufw ] &&
		line_begins /etc/ufw/ufw.conf ENABLED=yes &&
		line_begins /etc/default/ufw 'DEFAULT_FORWARD_POLICY="DROP"'
	then
		say check.ufw_drops_routed 1
		return 0
	fi
	have iptables && have timeout || return 0
	rules=$newline$(timeout 5 iptables -S FORWARD)
	case $rules in
	"$newline-P FORWARD DROP"*) say check.forward_drop 1 ;;
	esac
	case $rules in
	*"$newline-A FORWARD -j DROP"* | *"$newline-A FORWARD -j REJECT"*)
		say check.forward_rejects 1 ;;
	esac
}

surroundings() {
	loopback_names
	listeners
	kernel
	firewall
	set +f
	set -- /etc/systemd/system/snap.microk8s.daemon-kubelite.service.d/*.conf
	set -f
	if [ -e "$1" ] &&
		grep -qsE 'wg-quick|tailscaled|zerotier|openvpn' "$@"; then
		say check.vpn_ordered 1
	fi
}

# A snapd that hangs must not hang us.
snap_state() {
	snap=$(command -v snap)
	say snap_path "$snap"
	[ -n "$snap" ] || return 0
	limit=
	if have timeout; then
		limit="timeout 30"
	fi
	if listed=$newline$($limit "$snap" list microk8s 2>&1); then
		row=${listed#*"${newline}microk8s"[[:space:]]}
		if [ "$row" != "$listed" ]; then
			say snap_row "microk8s ${row%%"$newline"*}"
		fi
		return 0
	fi
	listed=${listed#"$newline"}
	case $listed in
	*"no matching snaps"* | *"o snaps are installed"*) ;;
	*) say snap_error "${listed%%"$newline"*}" ;;
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

find_openssl() {
	if have openssl; then
		openssl=openssl
	elif [ -x /snap/microk8s/current/usr/bin/openssl ]; then
		openssl=/snap/microk8s/current/usr/bin/openssl
	else
		openssl=
		return 0
	fi
	say openssl 1
}

# $told: a line for each of these files, its size and when it was written.
# $contents: all of them but the too large ones, one behind the other. False if
# that is not as long as the sizes say: a file was written meanwhile.
read_files() {
	sizes=$(stat -L -c '%s %Y %n' "$@")
	if [ -z "$sizes" ]; then
		sizes=$(wc -c "$@" | sed 's/^ *\([0-9]*\) /\1 - /')
	fi
	told=
	small=
	total=0
	# shellcheck disable=SC2086 # a list of words
	set -- $sizes
	while [ $# -gt 2 ]; do
		case $3 in
		"$data"/*)
			size=$1
			if [ "$size" -gt "$file_max" ]; then
				size=too_large
			else
				total=$((total + size))
				small="$small $3"
			fi
			told="${told}file=${3#"$data/"} $size $2$newline"
			;;
		esac
		shift 3
	done
	# shellcheck disable=SC2086 # lists of words
	contents=$(cat $small | $encode)
	length=$((${#contents} * 3 / 4))
	case $contents in
	*==) length=$((length - 2)) ;;
	*=) length=$((length - 1)) ;;
	esac
	[ "$length" -eq "$total" ]
}

# A laptop that gets other lengths than it is told takes nothing of it.
files() {
	if have base64; then
		encode="base64 -w 0"
	elif [ -n "$openssl" ]; then
		encode="$openssl base64 -A"
	else
		return 0
	fi
	set --
	for name in var/lock/clustered.lock args/kube-apiserver args/kubelet \
		args/kube-proxy args/apiserver-proxy args/cluster-agent \
		args/traefik/provider.yaml var/kubernetes/backend/info.yaml \
		var/kubernetes/backend/cluster.yaml certs/ca.crt \
		certs/ca.remote.crt certs/server.crt certs/kubelet.crt; do
		if [ -f "$data/$name" ] && [ -r "$data/$name" ]; then
			set -- "$@" "$data/$name"
		fi
	done
	[ $# -gt 0 ] || return 0
	read_files "$@" || read_files "$@" || read_files "$@"
	printf '%scontents=%s\n' "$told" "$contents"
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

main() {
	machine
	network
	surroundings
	snap_state
	if [ -d "$data/" ]; then
		locks
		find_openssl
		files
		cni "${1:-}"
	fi
	printf 'end=1\n'
}

# This text is the shell's standard input: nothing in it may read from there.
main "$@" </dev/null 2>/dev/null

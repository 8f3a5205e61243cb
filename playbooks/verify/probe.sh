# SPDX-License-Identifier: Apache-2.0
#
# What one host of the cluster reaches, asked from it in one round trip and
# without changing anything:
#
#   sh -s -- ROLE NODE_IP API_SERVICE DNS_SERVICE [PEER...]
#
# ROLE is master or worker; the services are addresses, "-" where there is
# none; a PEER is "NODE_IP ROLE TUNNEL_IP POD_IP POD_PORT", "-" for what it
# lacks. All peers are asked at once. Prints key=value lines, which
# playbooks/verify/probe.c reads, and end=1 as the last.

LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
export LC_ALL PATH

data=/var/snap/microk8s/current
# Long enough for two lost SYNs (1 s, 3 s) and a host that is busy.
seconds=5

have() {
	command -v "$1" >/dev/null 2>&1
}

# The clock, with a fraction where date can.
now() {
	time=$(date +%s.%N)
	case $time in
	*[!0-9.]*) date +%s ;;
	*) printf '%s\n' "$time" ;;
	esac
}

# tcp ADDRESS PORT: what became of a connection.
tcp() {
	if ! have bash || ! have timeout; then
		echo untold
		return
	fi
	said=$(timeout "$seconds" bash -c 'exec 3<>"/dev/tcp/$0/$1"' \
		"$1" "$2" 2>&1)
	case $?,$said in
	0,*) echo ok ;;
	124,*) echo lost ;;
	*refused*) echo refused ;;
	*"imed out"*) echo lost ;;
	*) echo unreachable ;;
	esac
}

# Only this ping can forbid fragments.
find_ping() {
	case $(ping -V 2>&1) in
	*iputils*) ping=1 ;;
	*) ping= ;;
	esac
}

# A closed UDP port answers with ICMP too, and Linux forbids fragments of
# what it sends there; without an error the read waits for its second.
knock() {
	timeout "$seconds" bash -c 'exec 3<>"/dev/udp/$0/33533" || exit 2
		for i in 1 2 3; do
			dd if=/dev/zero bs="$1" count=1 >&3 || exit 2
			read -r -t 1 line <&3
			[ $? -gt 128 ] || exit 0
		done
		exit 1' "$1" "$2" >/dev/null 2>&1
}

# whole ADDRESS BYTES: whether a packet of that many bytes of payload gets
# there in one piece and anything comes back.
whole() {
	if [ -n "$ping" ]; then
		for try in 1 2 3; do
			if ping -n -q -c 1 -W 2 -M do -s "$2" "$1" \
				>/dev/null 2>&1; then
				echo ok
				return
			fi
		done
		echo lost
	elif have bash && have timeout; then
		if knock "$1" "$2"; then
			echo ok
		else
			echo lost
		fi
	else
		echo untold
	fi
}

# The host's own way to the API, as its kubelet takes it: an HTTP status.
answer() {
	u=https://127.0.0.1:16443/livez
	if have curl; then
		a=$(curl -sk --noproxy '*' -m 10 -o /dev/null \
			-w '%{http_code}' $u)
	elif have openssl && have timeout; then
		a=$(printf 'GET /livez HTTP/1.0\r\n\r\n' |
			timeout 10 openssl s_client -quiet -connect \
				127.0.0.1:16443 2>/dev/null |
			sed -n 's/^HTTP[^ ]* \([0-9]*\).*/\1/p' | head -n 1)
	else
		a=untold
	fi
	echo "answer=${a:-000}"
}

# Which card carries NODE_IP, and what vxlan.calico rides on.
overlay() {
	have ip || return 0
	card=$(ip -o -4 addr show 2>/dev/null | awk -v ip="$1" \
		'{ split($4, a, "/"); if (a[1] == ip) { print $2; exit } }')
	mtu=0
	if [ -n "$card" ]; then
		echo "card=${card%%@*}"
		echo "card_mtu=$(cat "/sys/class/net/${card%%@*}/mtu")"
	fi
	if [ -r /sys/class/net/vxlan.calico/mtu ]; then
		mtu=$(cat /sys/class/net/vxlan.calico/mtu)
		echo "vxlan_mtu=$mtu"
		ip -o -d link show vxlan.calico 2>/dev/null | awk '{
			for (i = 1; i < NF; i++) {
				if ($i == "vxlan") on = 1
				if (on && $i == "local")
					print "vxlan_local=" $(i + 1)
				if (on && $i == "dev")
					print "vxlan_card=" $(i + 1)
			}
		}'
	fi
}

# One peer, one line; sh appends it in one write.
peer() {
	line="peer=$1 kubelet=$(tcp "$1" 10250)"
	if [ "$2" = master ]; then
		line="$line api=$(tcp "$1" 16443) agent=$(tcp "$1" 25000)"
	fi
	if [ "$3" != - ] && [ "$mtu" -gt 28 ]; then
		small=$(whole "$3" 56)
		line="$line small=$small"
		if [ "$small" = ok ]; then
			line="$line full=$(whole "$3" $((mtu - 28)))"
			line="$line tunnel=$(tcp "$3" 10250)"
		fi
	fi
	if [ "$4" != - ]; then
		line="$line pod=$(tcp "$4" "$5")"
	fi
	if have ip; then
		line="$line $(ip -o route get "$1" 2>/dev/null | awk '{
			for (i = 1; i < NF; i++)
				if ($i == "src" || $i == "dev")
					printf "%s=%s ", $i, $(i + 1)
		}')"
	fi
	printf '%s\n' "$line"
}

# Asks for the A record of kubernetes.default.svc.cluster.local over UDP and
# prints what comes back, in hex. The first dd makes one datagram of it: the
# length of the first label is a line feed, at which printf writes.
dns() {
	if ! have bash || ! have timeout || ! have od; then
		echo dns=untold
		return
	fi
	for try in 1 2 3; do
		said=$(timeout 3 bash -c 'exec 3<>"/dev/udp/$0/53" || exit
			q="\022\064\001\000\000\001\000\000\000\000\000\000"
			q="$q\012kubernetes\007default\003svc\007cluster"
			q="$q\005local\000\000\001\000\001"
			printf "$q" | dd ibs=64 obs=512 >&3 2>/dev/null
			dd bs=512 count=1 <&3 2>/dev/null' "$1" 2>/dev/null |
			od -An -v -tx1 | tr -d ' \n')
		if [ -n "$said" ]; then
			break
		fi
	done
	echo "dns=${said:-lost}"
}

# Tokens that live on, without a word of theirs: how many, and the longest
# life left in seconds. Only those with a lifetime: `up` mints no others.
tokens() {
	file=$data/credentials/cluster-tokens.txt
	[ -r "$file" ] || return 0
	awk -F '|' -v now="$(date +%s)" '
		NF == 2 && $2 ~ /^[0-9]+$/ && $2 > now {
			n++
			if ($2 - now > left)
				left = $2 - now
		}
		END { print "tokens=" n + 0; print "tokens_left=" left + 0 }
	' "$file"
}

provider() {
	file=$data/args/traefik/provider.yaml
	[ -r "$file" ] && [ "$(wc -c <"$file")" -le 65536 ] || return 0
	if have base64; then
		echo "provider=$(base64 <"$file" | tr -d '\n')"
	fi
}

main() {
	role=$1 own=$2 api_service=$3 dns_service=$4
	shift 4
	echo "begin=$(now)"
	find_ping
	overlay "$own"
	for words in "$@"; do
		# shellcheck disable=SC2086 # the words of a peer
		peer $words &
	done
	answer &
	if [ "$api_service" != - ]; then
		echo "api_service=$(tcp "$api_service" 443)" &
	fi
	if [ "$dns_service" != - ]; then
		echo "dns_service=$(tcp "$dns_service" 53)" &
		dns "$dns_service" &
	fi
	if [ "$role" = master ]; then
		tokens
	else
		provider
	fi
	wait
	echo "finish=$(now)"
	echo end=1
}

# This text is the shell's standard input: nothing in it may read from there.
main "$@" </dev/null 2>/dev/null

# SPDX-License-Identifier: Apache-2.0
#
# What one host of the cluster reaches, asked from it in one round trip and
# without changing anything:
#
#   sh -s -- ROLE NODE_IP MESH API_SERVICE DNS_SERVICE [PEER...]
#
# ROLE is master or worker; MESH is the text of mesh.pl; the services are
# addresses, "-" where there is none; a PEER is "NODE_IP ROLE TUNNEL_IP POD_IP
# POD_PORT", "-" for what it lacks. Prints key=value lines, which
# playbooks/verify/probe.c reads, and end=1 as the last.

LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
export LC_ALL PATH

data=/var/snap/microk8s/current

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

# All ways to the others and to the services, asked by one process.
mesh() {
	if have perl; then
		perl -e "$@"
		return
	fi
	[ "$2" = - ] || echo api_service=untold
	[ "$3" = - ] || echo dns_service=untold
	[ "$3" = - ] || echo dns=untold
	shift 4
	for words in "$@"; do
		echo "peer=${words%% *} kubelet=untold"
	done
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
	role=$1 own=$2 text=$3 api_service=$4 dns_service=$5
	shift 5
	bytes=0
	echo "begin=$(now)"
	overlay "$own"
	if [ "${mtu:-0}" -gt 28 ]; then
		bytes=$((mtu - 28))
	fi
	answer &
	mesh "$text" "$api_service" "$dns_service" "$bytes" "$@"
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

# SPDX-License-Identifier: Apache-2.0
#
# Tries the ways from this host to others, all at once, changing nothing.
# $1.. are questions:
#   route:IP      the address with which packets to IP leave
#   tcp:IP:PORT   whether the port takes a connection
#   health:IP     whether the cluster agent there says that it is well
#   name:NAME     the IPv4 address that NAME resolves to here
# Prints a line for each (playbooks/doctor/reach.c reads them) and "end".

LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
export LC_ALL PATH

# Seconds for an answer: two lost SYNs are forgiven.
patience=5
# Questions at once: each is a process or two.
window=64

have() {
	command -v "$1" >/dev/null 2>&1
}

route() {
	source=$(ip -o -4 route get "$1" | head -n 1 |
		sed -n 's/.* src \([0-9.]*\).*/\1/p')
	printf 'route %s %s\n' "$1" "${source:-none}"
}

tcp() {
	said=$(timeout "$patience" bash -c 'exec 3<>"/dev/tcp/$0/$1"' \
		"$1" "$2" 2>&1)
	case $?:$said in
	0:*) word=open ;;
	124:*) word=timeout ;;
	*refused*) word=refused ;;
	*"timed out"*) word=timeout ;;
	*) word=unreachable ;;
	esac
	printf 'tcp %s %s %s\n' "$1" "$2" "$word"
}

health() {
	word=bad
	if have curl; then
		said=$(curl -ks --noproxy '*' --max-time "$patience" \
			"https://$1:25000/health")
	elif have openssl; then
		said=$(printf 'GET /health HTTP/1.0\r\n\r\n' |
			timeout "$patience" openssl s_client -quiet \
				-connect "$1:25000")
	else
		word=untold
	fi
	case $said in
	*OK*) word=ok ;;
	esac
	printf 'health %s %s\n' "$1" "$word"
}

name() {
	found=$(getent ahostsv4 "$1" | head -n 1)
	found=${found%% *}
	printf 'name %s %s\n' "$1" "${found:-none}"
}

main() {
	running=0
	for question; do
		rest=${question#*:}
		case $question in
		route:*) route "$rest" & ;;
		tcp:*) tcp "${rest%:*}" "${rest##*:}" & ;;
		health:*) health "$rest" & ;;
		name:*) name "$rest" & ;;
		esac
		running=$((running + 1))
		if [ "$running" -ge "$window" ]; then
			wait
			running=0
		fi
	done
	wait
	echo end
}

# This text is the shell's standard input: nothing in it may read from there.
main "$@" </dev/null 2>/dev/null

# SPDX-License-Identifier: Apache-2.0
#
# The harmless cures of doctor, each of which does nothing the second time:
#   hosts IP NAME   NAME leads to IP in /etc/hosts, and to no 127 address
#   lock            the mark of a broken join goes, unless a join runs
#   hold            snapd does not refresh MicroK8s by itself
# /etc/hosts keeps owner and mode and leaves /etc/hosts.muster behind.

LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
export LC_ALL PATH
set -e

# $1 name: its 127 lines without it; all others as they are.
without() {
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		127.*[[:space:]]"$1" | 127.*[[:space:]]"$1"[[:space:]]*) ;;
		*)
			printf '%s\n' "$line"
			continue
			;;
		esac
		kept=
		set -f
		for word in $line; do
			[ "$word" = "$1" ] || kept="$kept${kept:+ }$word"
		done
		set +f
		case $kept in
		*" "*) printf '%s\n' "$kept" ;;
		esac
	done
}

# True if some line of $1 leads $3 to $2.
leads() {
	while read -r address names; do
		[ "$address" = "$2" ] || continue
		for word in $names; do
			case $word in
			"#"*) break ;;
			"$3") return 0 ;;
			esac
		done
	done <"$1"
	return 1
}

fix_hosts() {
	file=$(readlink -f /etc/hosts)
	new=$file.muster-new
	cp -p "$file" "$new"
	without "$2" <"$file" >"$new"
	leads "$new" "$1" "$2" || printf '%s %s\n' "$1" "$2" >>"$new"
	if cmp -s "$file" "$new"; then
		rm -f "$new"
	else
		cp -p "$file" "$file.muster"
		mv -f "$new" "$file"
	fi
}

fix_lock() {
	for f in /proc/[0-9]*/cmdline; do
		if tr '\000' ' ' <"$f" 2>/dev/null |
			grep -Eq '(microk8s[. ]join|/join\.py) '; then
			echo "a join runs on this host" >&2
			exit 1
		fi
	done
	rm -f /var/snap/microk8s/current/var/lock/join-in-progress
}

fix_hold() {
	snap=$(command -v snap || echo /usr/bin/snap)
	"$snap" refresh --hold microk8s >/dev/null
}

case $1 in
hosts) fix_hosts "$2" "$3" ;;
lock) fix_lock ;;
hold) fix_hold ;;
esac

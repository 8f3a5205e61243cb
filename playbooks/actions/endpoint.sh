# SPDX-License-Identifier: Apache-2.0
#
# Asks for the API at the load balancer's address, from this host and with its
# own copy of the cluster's CA, changing nothing: sh -s -- HOST PORT. Prints one
# word, which playbooks/actions/endpoint_ask.c reads:
#   ok         it answers, and its certificate names HOST
#   untrusted  it answers with a certificate that does not, or of another CA
#   closed     the connection is taken and ended: nobody is behind it
#   refused    nobody listens there
#   lost       no answer in time, or no way there
#   name       HOST does not resolve
#   untold     neither curl nor openssl is here

LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
export LC_ALL PATH

certs=/var/snap/microk8s/current/certs
seconds=10

have() {
	command -v "$1" >/dev/null 2>&1
}

# Whose word counts: a worker's master, or this control plane itself.
find_ca() {
	ca=$certs/ca.crt
	if [ -e "$certs/../var/lock/clustered.lock" ]; then
		ca=$certs/ca.remote.crt
	fi
}

by_curl() {
	curl -s --noproxy '*' --cacert "$ca" -m "$seconds" -o /dev/null \
		"https://$1:$2/livez"
	case $? in
	0) echo ok ;;
	6) echo name ;;
	7) echo refused ;;
	35 | 52 | 56) echo closed ;;
	51 | 60) echo untrusted ;;
	*) echo lost ;;
	esac
}

by_openssl() {
	case $1 in
	*[!0-9.]*) check=-verify_hostname ;;
	*) check=-verify_ip ;;
	esac
	said=$(printf 'GET /livez HTTP/1.0\r\n\r\n' |
		timeout "$seconds" openssl s_client -quiet -CAfile "$ca" \
			-verify_return_error "$check" "$1" \
			-connect "$1:$2" 2>&1)
	case $said in
	*HTTP/*) echo ok ;;
	*"verify error"* | *"verify failed"*) echo untrusted ;;
	*efused*) echo refused ;;
	*lookup* | *"not known"* | *resolution*) echo name ;;
	*errno* | *"unexpected eof"* | *CONNECTED*) echo closed ;;
	*) echo lost ;;
	esac
}

main() {
	find_ca
	if have curl; then
		by_curl "$1" "$2"
	elif have openssl && have timeout; then
		by_openssl "$1" "$2"
	else
		echo untold
	fi
}

# This text is the shell's standard input: nothing in it may read from there.
main "$@" </dev/null 2>/dev/null

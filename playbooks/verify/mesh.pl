# SPDX-License-Identifier: Apache-2.0
#
# Which ways lead from this host to the others. One process asks them all,
# whatever their number, so that a mesh of N hosts costs N processes and not
# N * N; of Perl only what perl-base has is used. Changes nothing. probe.sh
# runs it as
#
#   perl -e TEXT API_SERVICE DNS_SERVICE BYTES [PEER...]
#
# The services and the PEERs are as probe.sh has them; BYTES is the largest
# payload of a ping in VXLAN, 0 where there is none. Prints the lines of
# playbooks/verify/probe.c that are about the network.

use strict;
use warnings;
use Errno qw(EINPROGRESS ECONNREFUSED ETIMEDOUT);
use Socket qw(:DEFAULT SOCK_NONBLOCK IPPROTO_IP);

# Seconds for an answer: two lost SYNs (1 s, 3 s) are forgiven.
my $patience = 5;
# Connections at once: 1024 open files are the usual limit.
my $window = 200;
my $small_bytes = 56;
# <linux/in.h>: the kernel shall not cut a packet.
my ($ip_mtu_discover, $ip_pmtudisc_do) = (10, 2);
my $icmp_protocol = 1;
my ($echo_request, $echo_reply) = (8, 0);

# An A record of kubernetes.default.svc.cluster.local, asked for with ID 0x1234.
my $question = pack('n6', 0x1234, 0x0100, 1, 0, 0, 0)
	. join('', map { pack('C/a*', $_) }
		qw(kubernetes default svc cluster local), '')
	. pack('n2', 1, 1);

my @waiting;	# questions: { kind, key, of, address, port or bytes }
my %open;	# file number -> connection under way
my ($reading, $writing) = ('', '');	# those, as select() takes them
my %echoes;	# sequence number -> echo under way
my ($icmp, $sequence) = (undef, 0);

sub settle {
	my ($ask, $word) = @_;
	my $peer = $ask->{of};

	$peer->{$ask->{key}} = $word;
	close $ask->{socket} if $ask->{socket};
	return if $ask->{key} ne 'small' || $word ne 'ok';
	push @waiting,
		{ kind => 'echo', key => 'full', of => $peer,
		  address => $ask->{address}, bytes => $peer->{bytes} },
		{ kind => 'tcp', key => 'tunnel', of => $peer,
		  address => $ask->{address}, port => 10250 };
}

sub watch {
	my ($ask) = @_;
	my $number = fileno $ask->{socket};

	$open{$number} = $ask;
	if ($ask->{kind} eq 'dns') {
		vec($reading, $number, 1) = 1;
	} else {
		vec($writing, $number, 1) = 1;
	}
}

sub unwatch {
	my ($number) = @_;

	delete $open{$number};
	vec($reading, $number, 1) = 0;
	vec($writing, $number, 1) = 0;
}

sub word_of {
	my ($errno) = @_;

	return 'ok' if $errno == 0;
	return 'refused' if $errno == ECONNREFUSED;
	return 'lost' if $errno == ETIMEDOUT;
	return 'unreachable';
}

# --- TCP ---

sub start_tcp {
	my ($ask) = @_;
	my $to = pack_sockaddr_in($ask->{port}, inet_aton($ask->{address}));

	socket(my $socket, PF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)
		or return settle($ask, 'untold');
	$ask->{socket} = $socket;
	return settle($ask, 'ok') if connect($socket, $to);
	return settle($ask, word_of($!)) if $! != EINPROGRESS;
	$ask->{until} = time + $patience;
	watch($ask);
}

sub finish_tcp {
	my ($ask) = @_;
	my $errno = unpack('i', getsockopt($ask->{socket}, SOL_SOCKET,
					   SO_ERROR));

	settle($ask, word_of($errno));
}

# --- UDP: one question to the cluster's DNS, asked again each second ---

sub start_dns {
	my ($ask) = @_;

	if (!$ask->{socket}) {
		socket(my $socket, PF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)
			or return settle($ask, 'untold');
		connect($socket, pack_sockaddr_in(53,
						  inet_aton($ask->{address})))
			or return settle($ask, 'lost');
		$ask->{socket} = $socket;
		$ask->{until} = time + $patience;
		watch($ask);
	}
	send($ask->{socket}, $question, 0);
	$ask->{sent} = time;
}

sub finish_dns {
	my ($ask) = @_;

	# A refusal of the port is no answer: the next second's may be one.
	return if !defined recv($ask->{socket}, my $answer, 512, 0);
	unwatch(fileno $ask->{socket});
	settle($ask, unpack('H*', $answer));
}

# --- ICMP ---

sub open_icmp {
	socket($icmp, PF_INET, SOCK_RAW | SOCK_NONBLOCK, $icmp_protocol) &&
		setsockopt($icmp, IPPROTO_IP, $ip_mtu_discover,
			   pack('i', $ip_pmtudisc_do)) or undef $icmp;
}

sub checksum {
	my $sum = unpack('%32n*', $_[0]);

	$sum = ($sum >> 16) + ($sum & 0xffff) while $sum >> 16;
	return ~$sum & 0xffff;
}

sub send_echo {
	my ($ask) = @_;
	my @rest = ($$ & 0xffff, $ask->{sequence}, "\0" x $ask->{bytes});
	my $sum = checksum(pack('CCnnna*x!2', $echo_request, 0, 0, @rest));

	send($icmp, pack('CCnnna*', $echo_request, 0, $sum, @rest), 0,
	     pack_sockaddr_in(0, inet_aton($ask->{address})));
	$ask->{sent} = time;
	# A burst of answers would not fit the socket's buffer.
	take_echoes();
}

sub start_echo {
	my ($ask) = @_;

	return settle($ask, 'untold') if !$icmp;
	$sequence = ($sequence + 1) & 0xffff;
	$ask->{sequence} = $sequence;
	$ask->{until} = time + $patience;
	$echoes{$sequence} = $ask;
	send_echo($ask);
}

sub take_echoes {
	while (defined(my $from = recv($icmp, my $packet, 65535, 0))) {
		my $head = 4 * (ord($packet) & 15);

		next if length $packet < $head + 8;
		my ($type, $id, $number) = unpack("x$head C x3 n n", $packet);
		my $ask = $echoes{$number};

		next if !$ask || $type != $echo_reply || $id != ($$ & 0xffff);
		next if (unpack_sockaddr_in($from))[1] ne
			inet_aton($ask->{address});
		delete $echoes{$number};
		settle($ask, 'ok');
	}
}

# --- all of it ---

my %start = (tcp => \&start_tcp, dns => \&start_dns, echo => \&start_echo);

# What nobody answered by now; and what is asked again: once a second.
my $looked = time;

sub look_at_clock {
	my $now = time;

	return if $now == $looked;
	$looked = $now;
	for my $number (keys %open) {
		my $ask = $open{$number};

		if ($now > $ask->{until}) {
			unwatch($number);
			settle($ask, 'lost');
		} elsif ($ask->{kind} eq 'dns' && $now > $ask->{sent}) {
			start_dns($ask);
		}
	}
	for my $number (keys %echoes) {
		my $ask = $echoes{$number} or next;

		if ($now > $ask->{until}) {
			delete $echoes{$number};
			settle($ask, 'lost');
		} elsif ($now > $ask->{sent}) {
			send_echo($ask);
		}
	}
}

sub wait_and_take {
	my ($readable, $writable) = ($reading, $writing);

	vec($readable, fileno $icmp, 1) = 1 if $icmp && %echoes;
	select($readable, $writable, undef, 0.25) > 0 or return;
	for my $number (keys %open) {
		my $ask = $open{$number};

		if ($ask->{kind} eq 'dns') {
			finish_dns($ask) if vec($readable, $number, 1);
		} elsif (vec($writable, $number, 1)) {
			unwatch($number);
			finish_tcp($ask);
		}
	}
	take_echoes() if $icmp && vec($readable, fileno $icmp, 1);
}

sub ask_all {
	while (@waiting || %open || %echoes) {
		while (@waiting && keys %open < $window) {
			my $ask = shift @waiting;

			$start{$ask->{kind}}->($ask);
		}
		wait_and_take() if %open || %echoes;
		look_at_clock();
	}
}

# The address with which packets to a peer leave; nothing is sent.
sub source_to {
	my ($address) = @_;

	socket(my $socket, PF_INET, SOCK_DGRAM, 0) or return;
	connect($socket, pack_sockaddr_in(9, inet_aton($address))) or return;
	return inet_ntoa((unpack_sockaddr_in(getsockname $socket))[1]);
}

sub ask_of_peer {
	my ($peer, $role, $tunnel, $pod, $port) = @_;
	my $ip = $peer->{ip};
	my @ports = ([kubelet => $ip, 10250]);

	push @ports, [api => $ip, 16443], [agent => $ip, 25000]
		if $role eq 'master';
	push @ports, [pod => $pod, $port] if $pod ne '-';
	push @waiting, map { { kind => 'tcp', key => $_->[0], of => $peer,
			       address => $_->[1], port => $_->[2] } } @ports;
	push @waiting, { kind => 'echo', key => 'small', of => $peer,
			 address => $tunnel, bytes => $small_bytes }
		if $tunnel ne '-' && $peer->{bytes} > 0;
	my $source = source_to($ip);
	$peer->{src} = $source if $source;
}

sub main {
	my ($api_service, $dns_service, $bytes, @words) = @_;
	my (%host, @peers);

	open_icmp();
	push @waiting, { kind => 'tcp', key => 'api_service', of => \%host,
			 address => $api_service, port => 443 }
		if $api_service ne '-';
	push @waiting, { kind => 'tcp', key => 'dns_service', of => \%host,
			 address => $dns_service, port => 53 },
		{ kind => 'dns', key => 'dns', of => \%host,
		  address => $dns_service }
		if $dns_service ne '-';
	for (@words) {
		my ($ip, @of) = split;

		push @peers, { ip => $ip, bytes => $bytes };
		ask_of_peer($peers[-1], @of);
	}
	ask_all();
	print "$_=$host{$_}\n" for sort keys %host;
	for my $peer (@peers) {
		my @keys = grep { !/^(?:ip|bytes)$/ } sort keys %$peer;

		print join(' ', "peer=$peer->{ip}",
			   map { "$_=$peer->{$_}" } @keys), "\n";
	}
}

main(@ARGV);

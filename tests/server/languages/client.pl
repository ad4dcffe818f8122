#!/usr/bin/env perl
# Clients in Perl, each a process: client.pl SOCKET ORDERS, see languages.rs.
use strict;
use warnings;
use IO::Socket::UNIX;

sub encode {
    my @words = split ' ', shift;
    return '*' . @words . "\r\n" . join('', map { '$' . length($_) . "\r\n$_\r\n" } @words);
}

# What an answer begins with: the integer itself, or the first of an array.
sub reply {
    my $stream = shift;
    my $line = <$stream> // die 'the server has ended';
    my ($kind, $rest) = $line =~ /^(.)(.*)\r\n$/ or die "the server answered $line";
    if ($kind eq '*') {
        my @all = map { reply($stream) } 1 .. $rest;
        return $all[0];
    }
    if ($kind eq '$') {
        read $stream, my $word, $rest + 2 if $rest >= 0;
        return $rest;
    }
    die "the server answered $line" if $kind ne ':';
    return $rest;
}

sub client {
    my $stream = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "no connection: $!";
    for my $order (@_) {
        my ($number, $pause, $arrival, $request) = @$order;
        select undef, undef, undef, $pause / 1000;
        syswrite $stream, encode($arrival) . encode($request);
        reply($stream);
        my $allowed = reply($stream);
        syswrite STDOUT, "$number $allowed\n";
    }
}

my %orders;
open my $lines, '<', $ARGV[1] or die "no orders: $!";
while (<$lines>) {
    chomp;
    my ($name, @order) = split /\|/;
    push @{ $orders{$name} }, [$. - 1, @order];
}
for my $orders (values %orders) {
    my $child = fork // die "no process: $!";
    next if $child;
    client(@$orders);
    exit;
}
my $failed = 0;
while (wait != -1) { $failed = 1 if $? }
exit $failed;

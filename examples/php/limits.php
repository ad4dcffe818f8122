<?php
// Rate limits with phpredis, which sends any command: rawCommand.
//
// REDIS_URL says where the server is, REDIS_CLUSTER=yes asks a cluster. This client speaks RESP2 only.

declare(strict_types=1);

/** What to do when Redis cannot be asked. */
enum IfAway
{
    case Admit;
    case Refuse;
}

/** Host and port of a URL. */
function address(string $url): array
{
    return [parse_url($url, PHP_URL_HOST) ?? '127.0.0.1', parse_url($url, PHP_URL_PORT) ?? 6379];
}

/** A client that waits `$timeout` seconds for a reply. */
function connect(float $timeout): Redis|RedisCluster
{
    [$host, $port] = address(getenv('REDIS_URL') ?: 'redis://127.0.0.1:6379');
    if (getenv('REDIS_CLUSTER') === 'yes') {
        return new RedisCluster(null, ["$host:$port"], 2, $timeout);
    }
    $redis = new Redis();
    $redis->connect($host, $port, 2, null, 0, $timeout);
    return $redis;
}

/** Sends a command; an error is answered with false, and told by getLastError. */
function send(Redis|RedisCluster $redis, string $name, string $key, string|int ...$words): mixed
{
    // A client of a cluster is told the key besides.
    $words = $redis instanceof RedisCluster ? [$key, $name, $key, ...$words] : [$name, $key, ...$words];
    $reply = $redis->rawCommand(...$words);
    if ($reply === false && $redis->getLastError() !== null) {
        throw new UnexpectedValueException($redis->getLastError());
    }
    return $reply;
}

function tell(string $name, array $reply): void
{
    [$allowed, $limit, $remaining, $retryMs] = $reply;
    $verdict = $allowed ? "admitted, $remaining of $limit left" : "denied, ask again in $retryMs ms";
    echo "$name: $verdict\n";
}

/** At most 3 in any 60 seconds. */
function slide(Redis|RedisCluster $redis, string $key): void
{
    tell('slide', send($redis, 'RL.SLIDE', $key, 3, 60));
}

/** Bursts of 2, and one more every 60 seconds. */
function bucket(Redis|RedisCluster $redis, string $key): void
{
    tell('bucket', send($redis, 'RL.BUCKET', $key, 2, 1, 60));
}

/** Reserves a call at the first model that has room: its key and the reservation, or null. */
function reserve(Redis|RedisCluster $redis, string $run, int $tokens): ?array
{
    foreach (['large', 'small'] as $model) {
        $key = "example:$run:$model";
        $limits = ['LIMIT', 'rpm', 10, 60, 'LIMIT', 'tpm', 5000, 60, 'UNIT', 'tokens', 'LIMIT', 'calls', 5, 'INFLIGHT'];
        $reply = send($redis, 'RL.QUOTA', $key, ...$limits, ...['COST', 'tokens', $tokens, 'RESERVE', 60]);
        [$allowed, , $blocking, , $reservation] = $reply;
        if ($allowed) {
            echo "quota: $model takes it\n";
            return [$key, $reservation];
        }
        echo "quota: $model is full (", implode(', ', $blocking), ")\n";
    }
    return null;
}

/** Says what the call really took; the rest is free again. */
function settle(Redis|RedisCluster $redis, array $call, int $used): void
{
    [$key, $reservation] = $call;
    send($redis, 'RL.SETTLE', $key, $reservation, 'COST', 'tokens', $used);
    echo "settle: $used tokens used\n";
}

/** Stands in line for up to 10 seconds, before those of lower lanes: `$redis` has to be more patient than that. */
function wait(Redis|RedisCluster $redis, string $key): void
{
    send($redis, 'RL.SLIDE', $key, 1, 3);
    $began = hrtime(true);
    [$allowed] = send($redis, 'RL.SLIDE', $key, 1, 3, 'WAIT', 10, 'PRIORITY', 'HIGH');
    $waited = intdiv(hrtime(true) - $began, 1_000_000);
    echo 'wait: ', $allowed ? 'admitted' : 'denied', " after $waited ms in line\n";
}

/** Whether to go on. PHP connects for each request, so that this may fail in either place. */
function mayI(string $url, string $key, IfAway $ifAway): bool
{
    try {
        $redis = new Redis();
        $redis->connect(...[...address($url), 1, null, 0, 1]);
        [$allowed] = send($redis, 'RL.SLIDE', $key, 100, 60);
        return $allowed === 1;
    } catch (RedisException) {
        return $ifAway === IfAway::Admit;
    }
}

$run = bin2hex(random_bytes(4));
$redis = connect(2);

for ($i = 0; $i < 4; $i++) {
    slide($redis, "example:$run:slide");
}
for ($i = 0; $i < 3; $i++) {
    bucket($redis, "example:$run:bucket");
}

$large = reserve($redis, $run, 4000);
$small = reserve($redis, $run, 4000);
settle($redis, $large, 800);
$again = reserve($redis, $run, 4000);
settle($redis, $small, 3000);
settle($redis, $again, 4200); // more than was reserved counts, too

wait(connect(12), "example:$run:wait");

$away = getenv('REDIS_AWAY_URL') ?: 'redis://127.0.0.1:1'; // where no server is
foreach (['open' => IfAway::Admit, 'closed' => IfAway::Refuse] as $choice => $ifAway) {
    $verdict = mayI($away, "example:$run:away", $ifAway) ? 'admitted' : 'refused';
    echo "away, fail $choice: $verdict\n";
}

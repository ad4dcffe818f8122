<?php
// Rate limits with phpredis. Its function rawCommand sends any command.
//
// REDIS_URL is the address of the server. REDIS_CLUSTER=yes selects a cluster. This client speaks RESP2 only.

declare(strict_types=1);

/** The choice for when Redis cannot be asked. */
enum IfAway
{
    case Admit;
    case Refuse;
}

/** Returns the host and the port of a URL. */
function address(string $url): array
{
    return [parse_url($url, PHP_URL_HOST) ?? '127.0.0.1', parse_url($url, PHP_URL_PORT) ?? 6379];
}

/** Returns a client that waits up to `$timeout` seconds for a reply. */
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

/** Sends a command. After an error it returns false, and getLastError() has the text. */
function send(Redis|RedisCluster $redis, string $name, string $key, string|int ...$words): mixed
{
    // A cluster client also gets the key.
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

/** Admits at most 3 requests in any 60 seconds. */
function slide(Redis|RedisCluster $redis, string $key): void
{
    tell('slide', send($redis, 'RL.SLIDE', $key, 3, 60));
}

/** Admits bursts of 2 requests, and one more request every 60 seconds. */
function bucket(Redis|RedisCluster $redis, string $key): void
{
    tell('bucket', send($redis, 'RL.BUCKET', $key, 2, 1, 60));
}

/** Reserves a call at the first model that has room. Returns its key and the reservation, or null. */
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

/** Reports the real cost of the call. The rest is free again. */
function settle(Redis|RedisCluster $redis, array $call, int $used): void
{
    [$key, $reservation] = $call;
    send($redis, 'RL.SETTLE', $key, $reservation, 'COST', 'tokens', $used);
    echo "settle: $used tokens used\n";
}

/** Waits in line for up to 10 seconds, before waiters of lower lanes. The timeout of `$redis` must be longer. */
function wait(Redis|RedisCluster $redis, string $key): void
{
    send($redis, 'RL.SLIDE', $key, 1, 3);
    $began = hrtime(true);
    [$allowed] = send($redis, 'RL.SLIDE', $key, 1, 3, 'WAIT', 10, 'PRIORITY', 'HIGH');
    $waited = intdiv(hrtime(true) - $began, 1_000_000);
    echo 'wait: ', $allowed ? 'admitted' : 'denied', " after $waited ms in line\n";
}

/** Returns true if the call may proceed. PHP connects for each request, so both connecting and asking may fail. */
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
settle($redis, $again, 4200); // the excess over the reservation also counts

wait(connect(12), "example:$run:wait");

$away = getenv('REDIS_AWAY_URL') ?: 'redis://127.0.0.1:1'; // no server answers here
foreach (['open' => IfAway::Admit, 'closed' => IfAway::Refuse] as $choice => $ifAway) {
    $verdict = mayI($away, "example:$run:away", $ifAway) ? 'admitted' : 'refused';
    echo "away, fail $choice: $verdict\n";
}

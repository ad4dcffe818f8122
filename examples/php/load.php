<?php
// A client of `make test-clients`. It repeats a command and prints what it saw, as tests/clients/README.md says.

declare(strict_types=1);

function shape(mixed $reply): string
{
    return match (true) {
        is_array($reply) => '[' . implode(',', array_map('shape', $reply)) . ']',
        is_int($reply) => 'int',
        is_string($reply) => 'string',
        // nil in Redis is false here.
        $reply === false => 'nil',
        default => get_debug_type($reply),
    };
}

[, $seconds, $pauseMs] = $argv;
$command = array_slice($argv, 3);
$url = getenv('REDIS_URL');
$redis = new Redis();
$redis->connect(parse_url($url, PHP_URL_HOST), parse_url($url, PHP_URL_PORT), 5, null, 0, 90);
echo "ready\n";
fgets(STDIN);

$saw = ['admitted' => 0, 'denied' => 0, 'settled' => 0];
$shapes = [];
$end = hrtime(true) + (int) ($seconds * 1e9);
while (hrtime(true) < $end) {
    $reply = $redis->rawCommand(...$command);
    $shapes[shape($reply)] = true;
    $saw[$reply[0] === 1 ? 'admitted' : 'denied']++;
    if ($command[0] === 'RL.QUOTA' && is_string($reply[4])) {
        $saw['settled'] += $redis->rawCommand('RL.SETTLE', $command[1], $reply[4], 'COST', 'tokens', 40);
    }
    usleep(random_int(0, (int) $pauseMs) * 1000);
}
ksort($shapes);
echo json_encode([...$saw, 'shapes' => array_keys($shapes)]), "\n";

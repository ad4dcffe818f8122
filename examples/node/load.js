// A client of `make test-clients`. It repeats a command and prints what it saw, as tests/clients/README.md says.
// The first argument is the library.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { createClient } from "redis";

const [library, seconds, pauseMs, ...command] = process.argv.slice(2);
const url = process.env.REDIS_URL;

async function connect() {
  if (library === "ioredis") {
    const redis = new Redis(url);
    return { send: (words) => redis.call(...words), close: () => redis.disconnect() };
  }
  const client = createClient({ url, RESP: Number(process.env.REDIS_PROTOCOL) });
  await client.connect();
  return { send: (words) => client.sendCommand(words), close: () => client.destroy() };
}

function shape(reply) {
  if (Array.isArray(reply)) return `[${reply.map(shape).join(",")}]`;
  if (reply === null) return "nil";
  if (Number.isInteger(reply)) return "int";
  return typeof reply;
}

const { send, close } = await connect();
await send(["PING"]);
console.log("ready");
await once(process.stdin, "data");
process.stdin.destroy();

const saw = { admitted: 0, denied: 0, settled: 0, shapes: new Set() };
const end = performance.now() + seconds * 1000;
while (performance.now() < end) {
  const reply = await send(command);
  saw.shapes.add(shape(reply));
  reply[0] === 1 ? saw.admitted++ : saw.denied++;
  if (command[0] === "RL.QUOTA" && reply[4] !== null) {
    saw.settled += await send(["RL.SETTLE", command[1], reply[4], "COST", "tokens", "40"]);
  }
  if (pauseMs > 0) await sleep(Math.random() * pauseMs);
}
console.log(JSON.stringify({ ...saw, shapes: [...saw.shapes].sort() }));
close();

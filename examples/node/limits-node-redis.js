// Rate limits with node-redis. Its function `sendCommand` sends any command. All arguments are strings.
//
// REDIS_URL is the address of the server. REDIS_PROTOCOL=3 selects RESP3. REDIS_CLUSTER=yes selects a cluster.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, createCluster, ErrorReply } from "redis";

const url = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const awayUrl = process.env.REDIS_AWAY_URL ?? "redis://127.0.0.1:1"; // no server answers here
const RESP = Number(process.env.REDIS_PROTOCOL ?? 2);
const inCluster = process.env.REDIS_CLUSTER === "yes";

// A connection that waits does nothing else. So waiting requests have their own client. Its commands have only the
// timeout that the server was given.
async function connect() {
  const client = inCluster ? createCluster({ rootNodes: [{ url }], RESP }) : createClient({ url, RESP });
  client.on("error", (error) => console.error(error.message));
  await client.connect();
  return client;
}

// A cluster client needs to know which word is the key.
function send(client, ...words) {
  const command = words.map(String);
  return inCluster ? client.sendCommand(command[1], false, command) : client.sendCommand(command);
}

function tell(name, [allowed, limit, remaining, retryMs]) {
  const verdict = allowed ? `admitted, ${remaining} of ${limit} left` : `denied, ask again in ${retryMs} ms`;
  console.log(`${name}: ${verdict}`);
}

// Admits at most 3 requests in any 60 seconds.
async function slide(client, key) {
  tell("slide", await send(client, "RL.SLIDE", key, 3, 60));
}

// Admits bursts of 2 requests, and one more request every 60 seconds.
async function bucket(client, key) {
  tell("bucket", await send(client, "RL.BUCKET", key, 2, 1, 60));
}

// Reserves a call at the first model that has room. Returns its key and the reservation, or null.
async function reserve(client, run, tokens) {
  for (const model of ["large", "small"]) {
    const key = `example:${run}:${model}`;
    const limits = ["LIMIT", "rpm", 10, 60, "LIMIT", "tpm", 5000, 60, "UNIT", "tokens", "LIMIT", "calls", 5, "INFLIGHT"];
    const reply = await send(client, "RL.QUOTA", key, ...limits, "COST", "tokens", tokens, "RESERVE", 60);
    const [allowed, , blocking, , reservation] = reply;
    if (allowed) {
      console.log(`quota: ${model} takes it`);
      return { key, reservation };
    }
    console.log(`quota: ${model} is full (${blocking.join(", ")})`);
  }
  return null;
}

// Reports the real cost of the call. The rest is free again.
async function settle(client, { key, reservation }, used) {
  await send(client, "RL.SETTLE", key, reservation, "COST", "tokens", used);
  console.log(`settle: ${used} tokens used`);
}

// Waits in line for up to 10 seconds, before waiters of lower lanes.
async function wait(client, key) {
  await send(client, "RL.SLIDE", key, 1, 3);
  const began = performance.now();
  const [allowed] = await send(client, "RL.SLIDE", key, 1, 3, "WAIT", 10, "PRIORITY", "HIGH");
  const waited = Math.round(performance.now() - began);
  console.log(`wait: ${allowed ? "admitted" : "denied"} after ${waited} ms in line`);
}

// Returns true if the call may proceed. `ifAway` is the choice for when Redis cannot be asked: "admit" or "refuse".
async function mayI(client, key, ifAway) {
  try {
    // The client itself has no timeout for a reply.
    const reply = await Promise.race([client.sendCommand(["RL.SLIDE", key, "100", "60"]), sleep(1000, "late")]);
    return reply === "late" ? ifAway === "admit" : reply[0] === 1;
  } catch (error) {
    if (error instanceof ErrorReply) throw error; // Redis answers that the request is wrong
    return ifAway === "admit";
  }
}

const run = randomUUID().slice(0, 8);
const client = await connect();

for (let i = 0; i < 4; i++) await slide(client, `example:${run}:slide`);
for (let i = 0; i < 3; i++) await bucket(client, `example:${run}:bucket`);

const large = await reserve(client, run, 4000);
const small = await reserve(client, run, 4000);
await settle(client, large, 800);
const again = await reserve(client, run, 4000);
await settle(client, small, 3000);
await settle(client, again, 4200); // the excess over the reservation also counts

const patient = await connect();
await wait(patient, `example:${run}:wait`);

// Without an offline queue, a request fails at once while there is no connection. With a queue, it would be sent later.
const away = createClient({ url: awayUrl, disableOfflineQueue: true, socket: { connectTimeout: 1000 } });
away.on("error", () => {}); // it reconnects by itself
away.connect().catch(() => {});
for (const [choice, ifAway] of [["open", "admit"], ["closed", "refuse"]]) {
  const verdict = (await mayI(away, `example:${run}:away`, ifAway)) ? "admitted" : "refused";
  console.log(`away, fail ${choice}: ${verdict}`);
}

for (const each of [client, patient]) each.destroy();
process.exit(); // otherwise `away` would keep trying to connect

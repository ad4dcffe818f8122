// Rate limits with ioredis. Its function `call` sends any command.
//
// REDIS_URL is the address of the server. REDIS_CLUSTER=yes selects a cluster. This client speaks RESP2 only.

import { randomUUID } from "node:crypto";
import { Cluster, Redis, ReplyError } from "ioredis";

const url = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const awayUrl = process.env.REDIS_AWAY_URL ?? "redis://127.0.0.1:1"; // no server answers here
const inCluster = process.env.REDIS_CLUSTER === "yes";

// Returns a client whose commands fail after `commandTimeout` ms without a reply.
function connect(commandTimeout) {
  const client = inCluster ? new Cluster([url], { redisOptions: { commandTimeout } }) : new Redis(url, { commandTimeout });
  return client.on("error", (error) => console.error(error.message));
}

function tell(name, [allowed, limit, remaining, retryMs]) {
  const verdict = allowed ? `admitted, ${remaining} of ${limit} left` : `denied, ask again in ${retryMs} ms`;
  console.log(`${name}: ${verdict}`);
}

// Admits at most 3 requests in any 60 seconds.
async function slide(client, key) {
  tell("slide", await client.call("RL.SLIDE", key, 3, 60));
}

// Admits bursts of 2 requests, and one more request every 60 seconds.
async function bucket(client, key) {
  tell("bucket", await client.call("RL.BUCKET", key, 2, 1, 60));
}

// Reserves a call at the first model that has room. Returns its key and the reservation, or null.
async function reserve(client, run, tokens) {
  for (const model of ["large", "small"]) {
    const key = `example:${run}:${model}`;
    const limits = ["LIMIT", "rpm", 10, 60, "LIMIT", "tpm", 5000, 60, "UNIT", "tokens", "LIMIT", "calls", 5, "INFLIGHT"];
    const reply = await client.call("RL.QUOTA", key, ...limits, "COST", "tokens", tokens, "RESERVE", 60);
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
  await client.call("RL.SETTLE", key, reservation, "COST", "tokens", used);
  console.log(`settle: ${used} tokens used`);
}

// Waits in line for up to 10 seconds, before waiters of lower lanes. A connection that waits does nothing else. So waiting
// requests have their own client, with a longer timeout.
async function wait(client, key) {
  await client.call("RL.SLIDE", key, 1, 3);
  const began = performance.now();
  const [allowed] = await client.call("RL.SLIDE", key, 1, 3, "WAIT", 10, "PRIORITY", "HIGH");
  const waited = Math.round(performance.now() - began);
  console.log(`wait: ${allowed ? "admitted" : "denied"} after ${waited} ms in line`);
}

// Returns true if the call may proceed. `ifAway` is the choice for when Redis cannot be asked: "admit" or "refuse".
async function mayI(client, key, ifAway) {
  try {
    const [allowed] = await client.call("RL.SLIDE", key, 100, 60);
    return allowed === 1;
  } catch (error) {
    if (error instanceof ReplyError) throw error; // Redis answers that the request is wrong
    return ifAway === "admit";
  }
}

const run = randomUUID().slice(0, 8);
const client = connect(2_000);

for (let i = 0; i < 4; i++) await slide(client, `example:${run}:slide`);
for (let i = 0; i < 3; i++) await bucket(client, `example:${run}:bucket`);

const large = await reserve(client, run, 4000);
const small = await reserve(client, run, 4000);
await settle(client, large, 800);
const again = await reserve(client, run, 4000);
await settle(client, small, 3000);
await settle(client, again, 4200); // the excess over the reservation also counts

const patient = connect(12_000);
await wait(patient, `example:${run}:wait`);

// Without an offline queue, a request fails at once while there is no connection. With a queue, it would be sent later.
const away = new Redis(awayUrl, { commandTimeout: 1_000, connectTimeout: 1_000, enableOfflineQueue: false });
away.on("error", () => {}); // it reconnects by itself
for (const [choice, ifAway] of [["open", "admit"], ["closed", "refuse"]]) {
  const verdict = (await mayI(away, `example:${run}:away`, ifAway)) ? "admitted" : "refused";
  console.log(`away, fail ${choice}: ${verdict}`);
}

for (const each of [client, patient, away]) each.disconnect();

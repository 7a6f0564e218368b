// @slack/web-api and how often Slack lets an app call: 429 with Retry-After, which the SDK keeps by itself.

import assert from "node:assert/strict";
import { test } from "node:test";
import { calls, post, texts } from "./people.mjs";
import { web } from "./web.mjs";

const patient = web();
const hasty = web("xoxb-sandbox", { rejectRateLimitedCalls: true });

test("a channel takes a message a second", async () => {
  let taken = 0;
  const burst = async () => { for (; taken < 20; taken++) await hasty.chat.postMessage({ channel: "COPS", text: `burst ${taken}` }); };
  await assert.rejects(burst(), (error) => {
    assert.deepEqual([error.code, error.retryAfter], ["slack_webapi_rate_limited_error", 1]);
    return true;
  });
  assert.ok(taken >= 1 && taken < 20);
  await hasty.chat.postMessage({ channel: "CGENERAL", text: "another channel is not limited" });
  assert.deepEqual(await texts("maya", "ops"), Array.from({ length: taken }, (_, n) => `burst ${n}`));
});

test("the SDK waits as long as Slack says and succeeds", async () => {
  const begun = performance.now();
  const told = [];
  patient.on("rate_limited", (seconds) => told.push(seconds));
  for (let n = 0; n < 4; n++) await patient.chat.postMessage({ channel: "COPS", text: `patient ${n}` });
  assert.ok(performance.now() - begun >= 2000);
  assert.ok(told.length >= 2 && told.every((seconds) => seconds === 1), String(told));
  assert.deepEqual((await texts("maya", "ops")).filter((text) => text.startsWith("patient")), [0, 1, 2, 3].map((n) => `patient ${n}`));
});

test("a method can be limited", async () => {
  await post("fault", { api: { method: "users.info", retry_after: 2 } });
  const begun = performance.now();
  assert.equal((await patient.users.info({ user: "UMAYA" })).user.name, "maya");
  assert.ok(performance.now() - begun >= 1900);
  assert.deepEqual((await calls("users.info")).map((call) => call.status), [429, 200]);
});

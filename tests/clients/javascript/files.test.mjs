// @slack/web-api, files upload v2: the SDK asks for a URL, sends the bytes there, and completes the upload.

import assert from "node:assert/strict";
import { test } from "node:test";
import { cursor, get, refused, sees, visible } from "./people.mjs";
import { web } from "./web.mjs";

const client = web();
const CONTENT = "id,state\ni-0abc,stopped\nnaïve,✓\n";
const kept = async (id) => (await get("files")).files.find((file) => file.id === id);

test("a file is uploaded into a thread", async () => {
  const start = await cursor();
  const { ts: thread_ts } = await client.chat.postMessage({ channel: "COPS", text: "the list" });
  const file = Buffer.from(CONTENT);
  await client.filesUploadV2({ channel_id: "COPS", thread_ts, filename: "list.csv", title: "The list", file, initial_comment: "all of it" });
  const seen = await sees("maya", "ops", "all of it", start);
  assert.deepEqual([seen.thread_ts, seen.via, seen.files.map((f) => f.title)], [thread_ts, "files.completeUploadExternal", ["The list"]]);
  const whole = await kept(seen.files[0].id);
  assert.deepEqual([whole.size, whole.content], [file.length, CONTENT]);
});

test("several files are uploaded at once", async () => {
  const file_uploads = ["a", "b"].map((name) => ({ filename: `${name}.txt`, title: name, content: name.repeat(1000) }));
  await client.filesUploadV2({ channel_id: "COPS", file_uploads, initial_comment: "both" });
  assert.deepEqual((await sees("maya", "ops", "both")).files.map((file) => [file.title, file.size]), [["a", 1000], ["b", 1000]]);
});

test("a file without a channel is shown to nobody", async () => {
  const start = await cursor();
  await client.filesUploadV2({ filename: "secret.txt", title: "secret", content: "x" });
  assert.equal((await get("files")).files.filter((file) => file.title === "secret").length, 1);
  assert.deepEqual((await visible("maya", "ops", start)).filter((message) => message.files?.length), []);
});

test("what cannot be uploaded is refused", async () => {
  assert.equal(await refused(client.filesUploadV2({ channel_id: "CNONE", filename: "a.txt", content: "x" })), "channel_not_found");
});

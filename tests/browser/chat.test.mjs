import { test } from "node:test";
import { api, message, person } from "./support.mjs";

test("what an app posts appears without a reload", async () => {
  const maya = await person("UMAYA");
  await api("chat.postMessage", { channel: "COPS", text: "two instances run" });
  await message(maya, "two instances run").waitFor();
});

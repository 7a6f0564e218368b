// The real bot behind the page: what a person types, and what that person reads.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fits, message, person, picture } from "./support.mjs";

test("Maya types a command, completes it, and reads the answer that only she sees", async () => {
  const [maya, nina] = [await person("UMAYA"), await person("UNINA")];
  await maya.locator("#status-text").filter({ hasText: "bot online" }).waitFor();
  await maya.keyboard.press("Tab");
  const composer = maya.locator(".composer[data-place=main] textarea");
  await composer.press("/");
  await composer.press("Enter");
  await composer.pressSequentially("ec2 list");
  await composer.press("Enter");
  const answer = message(maya, "8 instances in eu-central-1");
  await answer.getByText("Only visible to you").waitFor();
  await answer.locator("pre").filter({ hasText: "web-1" }).waitFor();
  await picture(maya, "bot");
  assert.equal(await message(nina, "instances").count(), 0);
  const ninas = nina.locator(".composer[data-place=main] textarea");
  await ninas.fill("@drone ec2 list");
  await ninas.press("Enter");
  const refusal = message(nina, "Refused: ec2 list needs the group operators or viewers");
  await refusal.getByText("Only visible to you").waitFor();
  await picture(nina, "bot-refused");
  await message(maya, "@Drone ec2 list").waitFor();
  assert.equal(await message(maya, "Refused").count(), 0);
});

test("the same reads on a phone", async () => {
  const maya = await person("UMAYA", { width: 375, height: 667 });
  const composer = maya.locator(".composer[data-place=main] textarea");
  await composer.fill("/drone ec2 list");
  await maya.getByRole("button", { name: "Send" }).tap();
  await message(maya, "8 instances in eu-central-1").waitFor();
  await fits(maya);
  await picture(maya, "phone-bot");
});

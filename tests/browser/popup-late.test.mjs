// A login at a provider that takes longer than the gateway holds its stream for.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AS_EVERYBODYS, Person, serve, streams } from "./application.mjs";
import { launch } from "./browser.mjs";

let browser;
let application;

before(async () => {
  application = await serve();
  browser = await launch(AS_EVERYBODYS);
});

after(async () => {
  await browser.close();
  application.close();
});

test("the page is told that it is over, and who comes back then is told too", async () => {
  const [mia, nils] = await Promise.all([Person.begin(browser, application.url), Person.begin(browser, application.url)]);
  const popup = await mia.click("popup");
  const own = await nils.click("window");
  const over = "No: 0 realtime connection interrupted";
  assert.deepEqual([await mia.outcome(), await nils.outcome()], [over, over]);
  await popup.closed();
  // The SDK comes once more, and goes when it finds that nothing is waited for.
  await streams(0);
  await own.logIn("nils");
  await own.says("You are not logged in");
  assert.deepEqual([await mia.isIn(), await nils.isIn()], [false, false]);
  await Promise.all([mia.end(), nils.end()]);
});

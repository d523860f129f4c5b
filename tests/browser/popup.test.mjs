// Logins at a provider in a popup, as people see them, by the SDK on an application's page.
//
// END says what stands where popups end: the gateway's "page", PocketBase's "dashboard" or "nothing". For the rest: application.mjs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AS_EVERYBODYS, Person, serve, streams } from "./application.mjs";
import { eventually, launch } from "./browser.mjs";

const { END } = process.env;

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

const begin = () => Person.begin(browser, application.url);

const you = (name) => `You are ${name} of the provider, ${name}@provider.example`;

/** What a window says that came back to nobody, or without a code. PocketBase's closes instead. */
const FAILURE = { page: "You are not logged in", nothing: "not_served" }[END];

/** Of a window that the SDK knows nothing of. */
async function fails(popup) {
  await (FAILURE ? popup.says(FAILURE) : popup.closed());
}

/**
 * The SDK closes its window at the end. A browser that is just then turning to the last page may miss that: a page that does
 * not close by itself is there to read then, and its reader closes it.
 */
async function ends(popup) {
  const isOver = async () => popup.page.isClosed() || (FAILURE && (await popup.shown()).includes(FAILURE));
  await eventually("the login is over for its window", isOver);
  if (!popup.page.isClosed()) await popup.page.close();
}

/** The gateway's page closes the window, as PocketBase's does. Without a page the application does. */
async function endsWell(person, popup) {
  if (END === "nothing") {
    await popup.says("not_served");
    await person.closesWindow();
  }
  await popup.closed();
}

test("the popup of the SDK logs in", async () => {
  const dora = await begin();
  const popup = await dora.click("popup");
  await streams(1);
  await popup.logIn("dora");
  assert.equal(await dora.outcome(), you("dora"));
  assert.equal(await dora.refreshed(), "dora@provider.example");
  await ends(popup);
  await streams(0);
  await dora.end();
});

test("a window of the application's own logs in", async () => {
  const emil = await begin();
  const popup = await emil.click("window");
  await popup.logIn("emil");
  assert.equal(await emil.outcome(), you("emil"));
  assert.equal(await emil.refreshed(), "emil@provider.example");
  await endsWell(emil, popup);
  await emil.end();
});

test("whoever cancels is told so, and may begin again", async () => {
  const frida = await begin();
  const popup = await frida.click("popup");
  await popup.cancel();
  assert.equal(await frida.outcome(), "No: 0 OAuth2 redirect error or missing code: access_denied");
  await ends(popup);
  await streams(0);
  const own = await frida.click("window");
  await own.cancel();
  await fails(own);
  assert.equal(await frida.isIn(), false);
  const again = await frida.click("popup");
  await again.logIn("frida");
  await eventually("she is in", async () => (await frida.outcome()) === you("frida"));
  await frida.end();
});

test("a popup that is closed leaves the page waiting, and free to begin again", async () => {
  const gustav = await begin();
  const popup = await gustav.click("popup");
  await popup.page.close();
  await streams(1);
  const again = await gustav.click("popup");
  await streams(2);
  await again.logIn("gustav");
  assert.equal(await gustav.outcome(), you("gustav"));
  // The first still waits: the SDK does not look whether its popup is there.
  await streams(1);
  assert.equal(await gustav.waiting(), 1);
  await gustav.leave();
  await streams(0);
  await gustav.end();
});

test("a page that is left is told nothing, and the popup says that it failed", async () => {
  const hans = await begin();
  const popup = await hans.click("window");
  await hans.leave();
  await streams(0);
  await popup.logIn("hans");
  await fails(popup);
  await hans.end();
});

test("two pages at once log in two people", async () => {
  const [ida, jan] = await Promise.all([begin(), begin()]);
  const hers = await ida.click("popup");
  const his = await jan.click("popup");
  await streams(2);
  await his.logIn("jan");
  await hers.logIn("ida");
  assert.deepEqual([await ida.outcome(), await jan.outcome()], [you("ida"), you("jan")]);
  assert.deepEqual([await ida.refreshed(), await jan.refreshed()], ["ida@provider.example", "jan@provider.example"]);
  await Promise.all([ends(hers), ends(his)]);
  await streams(0);
  await Promise.all([ida.end(), jan.end()]);
});

test("a popup with another page's state logs nobody in", async () => {
  const [kim, lea] = await Promise.all([begin(), begin()]);
  const kims = await kim.click("window");
  const leas = await lea.click("window");
  const crossed = new URL(await lea.providerUrl());
  crossed.searchParams.set("state", new URL(await kim.providerUrl()).searchParams.get("state"));
  await leas.open(crossed.href);
  await leas.logIn("lea");
  // The code comes to kim's page, which has nothing that proves it to be its own.
  assert.equal(await kim.outcome(), "No: 400 Failed to fetch OAuth2 token.");
  assert.deepEqual([await kim.isIn(), await lea.isIn()], [false, false]);
  await kims.page.close();
  await endsWell(lea, leas);
  await streams(1);
  await kim.end();
  await lea.end();
  await streams(0);
});

// A page whose requests the client module signs, with a key that no script can read. API_URL takes nothing without
// APP_KEY, and no login without a proof.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { Visit } from "./visit.mjs";

const { API_URL, APP_KEY } = process.env;

const SDK = new URL("../sdk/node_modules/pocketbase/dist/pocketbase.es.mjs", import.meta.url);
const CLIENT = new URL("../../gateway/clients/js/hapta-client.js", import.meta.url);

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>The application</title>
<link rel="icon" href="data:,">
<script type="module" src="application.js"></script>
</html>`;

const APPLICATION = `
import PocketBase from "./sdk.js";
import { protect } from "./client.js";
window.pb = new PocketBase(${JSON.stringify(API_URL)});
pb.autoCancellation(false);
window.own = protect(pb, { key: ${JSON.stringify(APP_KEY)} });
`;

let browser;
let server;
let url;

before(async () => {
  const files = {
    "/": ["text/html", PAGE],
    "/application.js": ["text/javascript", APPLICATION],
    "/sdk.js": ["text/javascript", await readFile(SDK)],
    "/client.js": ["text/javascript", await readFile(CLIENT)],
  };
  server = createServer(({ url }, response) => {
    const [type, body] = files[url] ?? [];
    response.writeHead(body ? 200 : 404, { "Content-Type": `${type ?? "text/plain"}; charset=utf-8` }).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://localhost:${server.address().port}/`;
  browser = await launch();
});

after(async () => {
  await browser.close();
  server.close();
});

/** A page of a browser that knows nothing yet. */
async function begin() {
  const visit = await Visit.begin(browser);
  await open(visit.page);
  return visit;
}

async function open(page) {
  await page.goto(url);
  await page.waitForFunction(() => window.own);
}

const logIn = (page) =>
  page.evaluate(async () => (await pb.collection("users").authWithPassword("alice@example.com", "1234567890")).record.email);

test("a page logs in, asks and listens", async () => {
  const visit = await begin();
  assert.equal(await logIn(visit.page), "alice@example.com");
  const told = await visit.page.evaluate(async () => {
    const event = new Promise((resolve) => pb.collection("posts").subscribe("*", resolve).then(() =>
      pb.collection("posts").create({ title: "Signed", author: pb.authStore.record.id, status: "draft" })));
    return (await event).record.title;
  });
  assert.equal(told, "Signed");
  const signed = visit.asked.filter(({ headers }) => headers.dpop && headers["x-hapta-key"] === APP_KEY);
  assert.ok(signed.length >= 3, JSON.stringify(visit.asked));
  await visit.end();
});

test("the key can be used by the page and read by nobody", async () => {
  const visit = await begin();
  await logIn(visit.page);
  const found = await visit.page.evaluate(async () => {
    const asked = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    const database = await asked(indexedDB.open("hapta", 1));
    const [{ privateKey }] = await asked(database.transaction("keys").objectStore("keys").getAll());
    const read = (form) => crypto.subtle.exportKey(form, privateKey).then(() => "read", (error) => error.name);
    return [privateKey.type, privateKey.extractable, await read("jwk"), await read("pkcs8")];
  });
  assert.deepEqual(found, ["private", false, "InvalidAccessError", "InvalidAccessError"]);
  await visit.end();
});

test("a token that a script took away is worth nothing elsewhere", async () => {
  const [alice, thief] = [await begin(), await begin()];
  await logIn(alice.page);
  const store = await alice.page.evaluate(() => ({ token: pb.authStore.token, record: pb.authStore.record }));
  const own = `${API_URL}/api/collections/users/records/${store.record.id}`;
  const bare = await fetch(own, { headers: { Authorization: store.token, "X-Hapta-Key": APP_KEY } });
  assert.equal((await bare.json()).data["@gateway"].code, "proof_missing");
  const stolen = await thief.page.evaluate(async ({ token, record }) => {
    pb.authStore.save(token, record);
    const { status, response } = await pb.collection("users").getOne(record.id).catch((error) => error);
    return [status, response.data["@gateway"].code];
  }, store);
  assert.deepEqual(stolen, [401, "proof_missing"]);
  const still = await alice.page.evaluate(async () => (await pb.collection("users").getOne(pb.authStore.record.id)).email);
  assert.equal(still, "alice@example.com");
  await alice.end();
  await thief.end();
});

test("the key is there after a reload, and another window has the same", async () => {
  const visit = await begin();
  await logIn(visit.page);
  const thumbprint = (page) => page.evaluate(() => own.thumbprint());
  const first = await thumbprint(visit.page);
  await open(visit.page);
  assert.equal(await thumbprint(visit.page), first);
  assert.equal(await visit.page.evaluate(async () => (await pb.collection("users").authRefresh()).record.name), "alice");
  const other = await visit.context.newPage();
  await open(other);
  assert.equal(await thumbprint(other), first);
  await visit.end();
});

test("another browser has another key, and a forgotten one is gone", async () => {
  const [one, other] = [await begin(), await begin()];
  const thumbprint = ({ page }) => page.evaluate(() => own.thumbprint());
  const first = await thumbprint(one);
  assert.notEqual(await thumbprint(other), first);
  await one.page.evaluate(() => own.forget());
  assert.notEqual(await thumbprint(one), first);
  await one.end();
  await other.end();
});

// A headless Chromium for one script. `tests/src/browser.rs` says which, and where its profile may lie.

import assert from "node:assert/strict";
import puppeteer from "puppeteer-core";

/** How long anything may take before a test fails, in milliseconds. */
export const PATIENCE = 20_000;

/** Starts it. It ends with this process at the latest: it is spoken to through a pipe, and goes when that breaks. */
export async function launch(options) {
  const isRoot = process.getuid() === 0;
  return puppeteer.launch({
    executablePath: process.env.HAPTA_BROWSER,
    userDataDir: process.env.HAPTA_BROWSER_PROFILE,
    headless: true,
    pipe: true,
    args: [
      // Nothing beyond loopback has an address.
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
      // Containers have little of what it would share memory in.
      "--disable-dev-shm-usage",
      // Chromium's sandbox can't be made by root.
      ...(isRoot ? ["--no-sandbox"] : []),
    ],
    ...options,
  });
}

/** Asks again and again until the answer is something, and gives it back. */
export async function eventually(what, ask) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() < end, `still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A request to an API as JSON; its status and its answer. */
export async function ask(method, url, body, token) {
  const headers = { "Content-Type": "application/json", ...(token && { Authorization: token }) };
  const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, body: text && JSON.parse(text) };
}

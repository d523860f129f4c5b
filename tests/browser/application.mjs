// An application whose page lets people log in at a provider, with the official SDK as a browser loads it.
//
// API_URL is asked: PocketBase itself, or a gateway, whose metrics METRICS_URL then shows to ADMIN_KEY.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { eventually } from "./browser.mjs";
import { Visit } from "./visit.mjs";

const { API_URL, METRICS_URL, ADMIN_KEY } = process.env;

/** A browser that blocks a popup which nobody clicked for, as everybody's does. */
export const AS_EVERYBODYS = { ignoreDefaultArgs: ["--disable-popup-blocking"] };

const SDK = new URL("../sdk/node_modules/pocketbase/dist/pocketbase.umd.js", import.meta.url);

/** Its button on the provider's page. */
const CONSENT = "[value=consent] + [type=submit]";

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>The application</title>
<link rel="icon" href="data:,">
<button id="popup">Log in</button>
<button id="window">Log in, in a window of the application's own</button>
<p id="outcome"></p>
<script src="sdk.js"></script>
<script src="application.js"></script>
</html>`;

/** What its page does. What the SDK told last is shown; a window of its own it leaves to itself. */
function application(api) {
  const pb = (window.pb = new PocketBase(api));
  window.waiting = 0;
  const logIn = async (how) => {
    window.waiting += 1;
    const say = (text) => (document.getElementById("outcome").textContent = text);
    try {
      const { record } = await pb.collection("users").authWithOAuth2({ provider: "oidc", ...how });
      say(`You are ${record.name}, ${record.email}`);
    } catch (error) {
      say(`No: ${error.status} ${error.originalError?.message ?? error.message}`);
    } finally {
      window.waiting -= 1;
    }
  };
  document.getElementById("popup").onclick = () => logIn();
  document.getElementById("window").onclick = () => {
    window.opened = open("", "own", "width=500,height=700");
    return logIn({ urlCallback: (url) => (opened.location.href = window.providerUrl = url) });
  };
}

/** Serves it on an origin, and a site, that is not the API's; its URL, and how to end it. */
export async function serve() {
  const files = {
    "/": ["text/html", PAGE],
    "/sdk.js": ["text/javascript", await readFile(SDK)],
    "/application.js": ["text/javascript", `(${application})(${JSON.stringify(API_URL)});`],
  };
  const server = createServer(({ url }, response) => {
    const [type, body] = files[url] ?? [];
    response.writeHead(body ? 200 : 404, { "Content-Type": `${type ?? "text/plain"}; charset=utf-8` }).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://localhost:${server.address().port}/`, close: () => server.close() };
}

/** Waits until the number of logins that the gateway holds a stream for is this; PocketBase tells none. */
export async function streams(expected) {
  if (!METRICS_URL) return;
  await eventually(`${expected} streams`, async () => {
    const metrics = await fetch(METRICS_URL, { headers: { Authorization: `Bearer ${ADMIN_KEY}` } });
    const [, count] = /^hapta_streams (\d+)$/m.exec(await metrics.text());
    return Number(count) === expected;
  });
}

/** Somebody at the application's page, in a browser that knows nothing of them yet. */
export class Person {
  static async begin(browser, url) {
    const person = new Person();
    person.visit = await Visit.begin(browser);
    await person.visit.page.goto(url);
    return person;
  }

  /** Clicks a button; the window that opens, once the provider's page is in it. */
  async click(button) {
    const opened = new Promise((resolve) => this.visit.page.once("popup", resolve));
    await this.visit.page.click(`#${button}`);
    const popup = new Popup(await opened);
    await popup.shows("[name=login]");
    return popup;
  }

  /** What the page shows, once it shows something. */
  outcome() {
    return this.visit.told("#outcome");
  }

  /** Asks for a new token with the one that the page has; whose it is. */
  refreshed() {
    return this.visit.page.evaluate(async () => (await pb.collection("users").authRefresh()).record.email);
  }

  /** Whether the page is logged in. */
  isIn() {
    return this.visit.page.evaluate(() => pb.authStore.isValid);
  }

  /** How many logins the page began and was told no end of. */
  waiting() {
    return this.visit.page.evaluate(() => window.waiting);
  }

  /** Where the window of the application's own was sent to. */
  providerUrl() {
    return this.visit.page.evaluate(() => window.providerUrl);
  }

  /** Has the application close the window of its own. */
  closesWindow() {
    return this.visit.page.evaluate(() => window.opened.close());
  }

  /** Closes the page, and keeps the windows that it opened. */
  leave() {
    return this.visit.page.close();
  }

  end() {
    return this.visit.end();
  }
}

/** The window of a login. */
export class Popup {
  constructor(page) {
    this.page = page;
  }

  shows(selector) {
    return this.page.waitForSelector(selector, { visible: true });
  }

  /** Logs in and consents. */
  async logIn(name) {
    await this.page.type("[name=login]", name);
    await this.page.type("[name=password]", "any");
    await this.page.click("[type=submit]");
    await this.shows(CONSENT);
    await this.page.click(CONSENT);
  }

  /** Goes to an address that the application did not send it to. */
  async open(url) {
    await this.page.goto(url);
    await this.shows("[name=login]");
  }

  /** Calls it off. */
  async cancel() {
    await this.page.click("a[href$='/abort']");
  }

  /** What it shows; nothing while it changes, and none when it is closed. */
  shown() {
    return this.page.evaluate(() => document.body?.innerText ?? "").catch(() => "");
  }

  says(text) {
    return eventually(`the window says ${text}`, async () => (await this.shown()).includes(text));
  }

  closed() {
    return eventually("the window closes", () => this.page.isClosed());
  }
}

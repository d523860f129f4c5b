// A look at a page, as people have it who see it, type into it or listen to it.

import assert from "node:assert/strict";
import { eventually } from "./browser.mjs";

/** A page in a window of its own, and all that it asked and complained about. */
export class Visit {
  static async begin(browser, prepare) {
    const context = await browser.createBrowserContext();
    const visit = new Visit();
    Object.assign(visit, { context, page: await context.newPage(), asked: [], complaints: [] });
    visit.page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.startsWith("/api/")) visit.asked.push({ path: pathname, body: request.postData(), headers: request.headers() });
    });
    visit.page.on("console", (message) => visit.complaints.push(message.text()));
    visit.page.on("pageerror", (error) => visit.complaints.push(String(error)));
    await prepare?.(visit.page);
    return visit;
  }

  /** Goes to another fragment in the same window, and forgets what it showed. */
  async turn(fragment) {
    await this.page.evaluate((fragment) => {
      document.getElementById("notice-title").textContent = "";
      location.hash = fragment;
    }, fragment);
  }

  /** The visible heading, once it is this one. */
  async heading(expected) {
    let last;
    await eventually(`the heading is ${expected}`, async () => (last = await this.shown("h1")) === expected).catch((error) => {
      throw new Error(`${error.message}, but ${last}\n${this.complaints.join("\n")}`);
    });
  }

  /** The text of what is visible of a selector. */
  shown(selector = "main") {
    return this.page.evaluate((selector) => {
      const visible = [...document.querySelectorAll(selector)].filter((each) => each.checkVisibility());
      return visible.map((each) => each.innerText.trim()).join("\n");
    }, selector);
  }

  /** The text of a selector, once there is any. */
  told(selector) {
    return eventually(`${selector} says something`, () => this.shown(selector));
  }

  /** Types into what the keyboard leads to next. */
  async type(text) {
    await this.page.keyboard.press("Tab");
    await this.page.keyboard.type(text);
  }

  async press(key) {
    await this.page.keyboard.press(key);
  }

  /** What the keyboard speaks to, as a screen reader would name it. */
  focused() {
    return this.page.evaluate(() => {
      const { activeElement: element } = document;
      return { text: element.labels?.[0]?.innerText ?? element.innerText, invalid: element.getAttribute("aria-invalid") };
    });
  }

  /** The paths that were asked, without what they have in common. */
  paths() {
    return this.asked.map(({ path }) => path.split("/").pop());
  }

  /** Ends it; nothing was blocked and nothing was logged, but for refusals that the browser itself logs. */
  async end() {
    const own = this.complaints.filter((text) => !text.startsWith("Failed to load resource: the server responded with a status of 4"));
    assert.deepEqual(own, []);
    await this.context.close();
  }
}

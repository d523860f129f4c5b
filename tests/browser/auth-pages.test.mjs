// What the links in PocketBase's mails lead to, as people see it.
//
// HAPTA_URL is where the page is served, with the API beside it; POCKETBASE_URL is PocketBase itself.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, eventually, launch } from "./browser.mjs";
import { PASSWORD, POCKETBASE, forged, link, login, somebody } from "./people.mjs";
import { Visit } from "./visit.mjs";

const HAPTA = process.env.HAPTA_URL;

let browser;

before(async () => {
  browser = await launch();
});

after(() => browser.close());

/** Opens the page at a fragment. */
async function at(fragment, prepare) {
  const visit = await Visit.begin(browser, prepare);
  await visit.page.goto(`${HAPTA}/_/${fragment}`);
  return visit;
}

/** Answers every request to the API in PocketBase's stead, until it is told otherwise. */
async function answered(page, answer) {
  const instead = { answer };
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    if (!instead.answer || !request.url().includes("/api/")) return request.continue();
    if (instead.answer === "away") return request.abort("connectionrefused");
    const [status, body] = instead.answer;
    return request.respond({ status, contentType: "application/json", body: JSON.stringify(body) });
  });
  return instead;
}

test("a verification is confirmed when its link is opened", async () => {
  const { email } = await somebody();
  const fragment = await link(email, "request-verification", { email });
  const token = fragment.split("/").pop();
  const visit = await at(fragment);
  await visit.heading("Your email address is confirmed");
  assert.equal((await login(email, PASSWORD)).body.record.verified, true);
  assert.deepEqual(visit.paths(), ["confirm-verification"]);
  assert.deepEqual(JSON.parse(visit.asked[0].body), { token });
  assert.equal(visit.asked[0].headers.referer ?? "", "");
  // The token is nowhere but in what was asked.
  assert.equal(await visit.page.evaluate(() => location.hash), "#/auth/confirm-verification");
  const left = await visit.page.evaluate(() => [document.documentElement.outerHTML, JSON.stringify(history.state), document.title]);
  assert.ok(!left.join().includes(token), "the token is left in the page");
  // Loaded again, it says the same and asks nothing.
  await visit.page.reload();
  await visit.heading("Your email address is confirmed");
  assert.equal(visit.asked.length, 1);
  // So is the link in the mail, clicked twice.
  const again = await at(fragment);
  await again.heading("Your email address is confirmed");
  await Promise.all([visit.end(), again.end()]);
});

test("a verification that is no longer good can be asked for again", async () => {
  const { email } = await somebody();
  const token = forged({ collectionId: "_pb_users_auth_", email, type: "verification", exp: 1 });
  const visit = await at(`#/auth/confirm-verification/${token}`);
  await visit.heading("This link no longer works");
  assert.match(await visit.shown(), new RegExp(`We can send another to ${email}`));
  await visit.press("Tab");
  assert.equal((await visit.focused()).text, "Send a new link");
  await visit.press("Enter");
  await visit.heading("Look into your mailbox");
  assert.deepEqual(visit.paths(), ["confirm-verification", "request-verification"]);
  const mails = await eventually("the mail", async () => {
    const { body } = await ask("GET", `${POCKETBASE}/test/mails`);
    const mine = body.filter((mail) => mail.to === email);
    return mine.length && mine;
  });
  const fragment = /#\/auth\/confirm-verification\/[^"]+/.exec(mails[0].html)[0];
  // In the same window: only the fragment changes, and the page follows.
  await visit.page.goto(`${HAPTA}/_/${fragment}`);
  await visit.heading("Your email address is confirmed");
  await visit.end();
});

test("a password is set anew with the keyboard alone", async () => {
  const { email } = await somebody();
  const fragment = await link(email, "request-password-reset", { email });
  const visit = await at(fragment);
  await visit.heading("Choose a new password");
  assert.match(await visit.shown(), new RegExp(`For the account of ${email}`));
  assert.equal(await visit.page.evaluate(() => location.hash), "#/auth/confirm-password-reset");

  await visit.type("a new password");
  await visit.type("another password");
  await visit.press("Enter");
  assert.equal(await visit.told("#reset-again-error"), "The two are not the same.");
  assert.deepEqual(await visit.focused(), { text: "Repeat the new password", invalid: "true" });
  assert.deepEqual(visit.paths(), []);

  // Loaded again, the form is there again: the token was not lost with the address.
  await visit.page.reload();
  await visit.heading("Choose a new password");
  await visit.type("short");
  await visit.type("short");
  await visit.press("Enter");
  assert.match(await visit.told("#reset-password-error"), /\b8\b/);
  assert.deepEqual(await visit.focused(), { text: "New password", invalid: "true" });

  await visit.page.keyboard.down("Control");
  await visit.press("a");
  await visit.page.keyboard.up("Control");
  await visit.page.keyboard.type("a new password");
  await visit.press("Tab");
  await visit.page.keyboard.type("a new password");
  await visit.press("Enter");
  await visit.heading("Your password is changed");
  assert.deepEqual(visit.paths(), ["confirm-password-reset", "confirm-password-reset"]);
  assert.equal((await login(email, PASSWORD)).status, 400);
  assert.equal((await login(email, "a new password")).status, 200);
  const typed = await visit.page.evaluate(() => [...document.querySelectorAll("[data-field]")].map((field) => field.value).join(""));
  assert.equal(typed, "");
  await visit.page.reload();
  await visit.heading("Your password is changed");
  await visit.end();

  const again = await at(fragment);
  await again.heading("Choose a new password");
  await again.type("yet another one");
  await again.type("yet another one");
  await again.press("Enter");
  await again.heading("This link no longer works");
  assert.equal((await login(email, "a new password")).status, 200);
  await again.press("Tab");
  await again.press("Enter");
  await again.heading("Look into your mailbox");
  assert.deepEqual(again.paths(), ["confirm-password-reset", "request-password-reset"]);
  await again.end();
});

test("an email address is changed with the account's password", async () => {
  const { email } = await somebody();
  const { token } = (await login(email, PASSWORD)).body;
  const newEmail = `new.${email}`;
  const fragment = await link(newEmail, "request-email-change", { newEmail }, token);
  const visit = await at(fragment);
  await visit.heading("Confirm your new email address");
  assert.match(await visit.shown(), new RegExp(`will have the address ${newEmail} instead of ${email}\\.`));
  await visit.press("Tab");
  await visit.press("Enter");
  assert.equal(await visit.told("#change-password-error"), "Type your password.");
  assert.deepEqual(visit.paths(), []);
  await visit.page.keyboard.type("not the password");
  await visit.press("Enter");
  await eventually("it says so", async () => (await visit.shown("#change-password-error")) === "This is not the password of the account.");
  await visit.page.keyboard.down("Control");
  await visit.press("a");
  await visit.page.keyboard.up("Control");
  await visit.page.keyboard.type(PASSWORD);
  await visit.press("Enter");
  await visit.heading("Your email address is changed");
  assert.equal((await login(email, PASSWORD)).status, 400);
  assert.equal((await login(newEmail, PASSWORD)).status, 200);
  await visit.end();

  const again = await at(fragment);
  await again.heading("Confirm your new email address");
  await again.type(PASSWORD);
  await again.press("Enter");
  await again.heading("This link no longer works");
  assert.match(await again.shown(), /change your email address there once more/);
  await again.end();
});

test("what is no token asks nothing", async () => {
  const users = { collectionId: "_pb_users_auth_" };
  const tokens = [
    "",
    "garbage",
    "a.b.c",
    "..",
    "%00",
    `${"x".repeat(100_000)}`,
    forged(null),
    forged("text"),
    forged([]),
    forged({}),
    forged({ collectionId: 1 }),
    forged({ collectionId: "" }),
    forged({ collectionId: "../../elsewhere" }),
    forged({ collectionId: "users/records?" }),
    forged({ collectionId: "//127.0.0.1:1/" }),
  ];
  const visit = await at("#/auth/confirm-verification/none");
  await visit.heading("This link is not complete");
  // The first would ask at once. The last wants an address as well.
  const links = tokens.map((token) => `confirm-verification/${token}`);
  links.push("confirm-password-reset/a.b.c", "confirm-email-change/a.b.c", `confirm-email-change/${forged(users)}`);
  for (const link of links) {
    await visit.turn(`#/auth/${link}`);
    await visit.heading("This link is not complete");
  }
  for (const fragment of ["", "#/", "#/auth", "#/auth/", "#/login", "#/auth/constructor", "#/auth/__proto__/x", "#/auth/Confirm-Verification/x", "#/auth/confirm-other/x"]) {
    await visit.turn(fragment);
    await visit.heading("There is nothing here");
  }
  assert.deepEqual(visit.paths(), []);
  await visit.end();
});

test("a forged token is shown as text, and what is no address is not shown", async () => {
  const collectionId = "_pb_users_auth_";
  const markup = `"<img/src=x/onerror=document.title='taken'><script>document.title='taken'</script>"@example.com`;
  const visit = await at(`#/auth/confirm-email-change/${forged({ collectionId, email: markup, newEmail: markup })}`);
  await visit.heading("Confirm your new email address");
  assert.ok((await visit.shown()).includes(`the address ${markup} instead of ${markup}`));
  assert.equal(await visit.page.evaluate(() => document.querySelectorAll("main img, main script").length), 0);
  assert.equal(await visit.page.title(), "Confirm your new email address");

  const prose = "Your account is locked, call 555-0100 and ask for help@example.com";
  for (const newEmail of [prose, `${"x".repeat(250)}@example.com`, "no-address", 7, null]) {
    await visit.page.goto(`${HAPTA}/_/#/auth/confirm-email-change/${forged({ collectionId, newEmail })}`);
    await visit.heading("This link is not complete");
  }
  await visit.page.goto(`${HAPTA}/_/#/auth/confirm-password-reset/${forged({ collectionId, email: prose })}`);
  await visit.heading("Choose a new password");
  assert.ok(!(await visit.shown()).includes("account of"));
  assert.deepEqual(visit.paths(), []);
  await visit.end();
});

test("what goes wrong is said, as text, and can be tried again", async () => {
  const { email } = await somebody();
  const fragment = await link(email, "request-password-reset", { email });
  let instead;
  const visit = await at(fragment, async (page) => {
    instead = await answered(page, "away");
  });
  await visit.heading("Choose a new password");
  await visit.type("a new password");
  await visit.type("a new password");
  const rule = { code: "not_now", message: "<b>Not on Sundays.</b>" };
  const answers = [
    ["away", /can't be reached/],
    [[429, {}], /tried too often/],
    [[502, {}], /has a problem/],
    [[403, { status: 403, message: rule.message, data: { "@rule": rule } }], /^<b>Not on Sundays\.<\/b>$/],
    [[400, "text"], /did not take it/],
    [[400, { message: { toString: 1 }, data: [1, null] }], /not valid/],
    [[404, { status: 404, message: "There is no such collection.", data: {} }], /no such collection/],
  ];
  for (const [answer, expected] of answers) {
    instead.answer = answer;
    const asked = visit.asked.length;
    await visit.press("Enter");
    await eventually("it asked", () => visit.asked.length > asked);
    await eventually("it has the answer", () => visit.page.evaluate(() => document.querySelector("#reset button").getAttribute("aria-disabled") === "false"));
    assert.match(await visit.told("#reset [role=alert]"), expected);
  }
  assert.equal(await visit.page.evaluate(() => document.querySelectorAll("main b").length), 0);
  instead.answer = null;
  await visit.press("Enter");
  await visit.heading("Your password is changed");
  await visit.context.close();

  // PocketBase takes whoever had the mail for verified: somebody else, then.
  const unverified = (await somebody()).email;
  const verification = await link(unverified, "request-verification", { email: unverified });
  const other = await at(verification, async (page) => {
    instead = await answered(page, "away");
  });
  await other.heading("Your email address is not confirmed yet");
  instead.answer = null;
  await other.press("Tab");
  assert.equal((await other.focused()).text, "Try again");
  await other.press("Enter");
  await other.heading("Your email address is confirmed");
  await other.context.close();
});

test("a form is sent once, however often it is pressed", async () => {
  const { email } = await somebody();
  const visit = await at(await link(email, "request-password-reset", { email }));
  await visit.heading("Choose a new password");
  await visit.type("a new password");
  await visit.type("a new password");
  await Promise.all([1, 2, 3].map(() => visit.press("Enter")));
  await visit.heading("Your password is changed");
  assert.deepEqual(visit.paths(), ["confirm-password-reset"]);
  await visit.end();
});

test("a window of a login closes by itself, and one that failed by its opener", async () => {
  const visit = await Visit.begin(browser);
  // The app is of another origin, as it may be.
  await visit.page.goto(`${HAPTA.replace("127.0.0.1", "localhost")}/_/`);
  await visit.heading("There is nothing here");
  const opens = (name) => visit.page.evaluate((url) => void (window.popup = window.open(url, "login", "width=500,height=700")), `${HAPTA}/_/#/auth/oauth2-redirect-${name}`);
  const isClosed = () => visit.page.evaluate(() => window.popup.closed);
  const popup = async (name) => {
    const opened = new Promise((resolve) => visit.page.once("popup", resolve));
    await opens(name);
    return opened;
  };
  await popup("success");
  await eventually("it closes", isClosed);

  const failed = await popup("failure");
  await eventually("it says so", () => failed.evaluate(() => document.querySelector("h1")?.innerText === "You are not logged in").catch(() => false));
  assert.equal(await isClosed(), false);
  await visit.page.evaluate(() => window.popup.close());
  await eventually("it closes", isClosed);
  await visit.end();

  // In a window that no script opened, it stays and says so.
  const alone = await at("#/auth/oauth2-redirect-success");
  await alone.heading("Go back to the app");
  await eventually("it stays", async () => (await alone.shown()).includes("You can close this window."));
  // That the browser did not close it is the one thing it logs.
  assert.ok(alone.complaints.every((text) => text.includes("Scripts may close only the windows")), alone.complaints.join());
  await alone.context.close();
});

test("the policy keeps out whatever is not the page's own", async () => {
  const visit = await at("");
  await visit.heading("There is nothing here");
  const ran = await visit.page.evaluate(async () => {
    const violated = [];
    document.addEventListener("securitypolicyviolation", (event) => violated.push(event.effectiveDirective));
    const trying = (what) => {
      try {
        what();
      } catch {
        // Trusted types throw.
      }
    };
    trying(() => {
      const script = document.createElement("script");
      script.append("window.taken = 1");
      document.body.append(script);
    });
    trying(() => (document.body.innerHTML += "<img src=x onerror='window.taken = 2'>"));
    trying(() => document.body.setAttribute("onclick", "window.taken = 3"));
    document.body.click();
    trying(() => document.body.append(Object.assign(document.createElement("iframe"), { src: "/_/" })));
    trying(() => document.body.append(Object.assign(document.createElement("img"), { src: "http://localhost:1/" })));
    trying(() => document.body.append(Object.assign(document.createElement("base"), { href: "http://localhost:1/" })));
    const reached = await fetch("http://localhost:1/").then(() => true, () => false);
    window.violated = violated;
    return { base: document.baseURI, reached };
  });
  assert.equal(ran.reached, false);
  assert.equal(ran.base, `${HAPTA}/_/`);
  for (const directive of ["connect-src", "frame-src", "img-src", "require-trusted-types-for", "base-uri"]) {
    await eventually(`${directive} was violated`, () => visit.page.evaluate((directive) => window.violated.includes(directive), directive));
  }
  assert.equal(await visit.page.evaluate(() => window.taken), undefined);
  await visit.context.close();
});

test("without JavaScript the page says what it needs", async () => {
  const visit = await at("#/auth/confirm-verification/x", (page) => page.setJavaScriptEnabled(false));
  await visit.heading("JavaScript is switched off");
  assert.deepEqual(visit.paths(), []);
  await visit.end();
});

test("everything has a name for those who listen, and room on a phone", async () => {
  const collectionId = "_pb_users_auth_";
  const email = `a.rather.long.name.that.goes.on.and.on.${"x".repeat(40)}@an-equally-long-domain.example.com`;
  const forms = {
    "confirm-password-reset": ["New password", "Repeat the new password", "Show what I type", "Set the new password"],
    "confirm-email-change": ["Your password", "Show what I type", "Confirm the new address"],
  };
  for (const [name, expected] of Object.entries(forms)) {
    const visit = await Visit.begin(browser, (page) => page.setViewport({ width: 320, height: 568, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }));
    await visit.page.goto(`${HAPTA}/_/#/auth/${name}/${forged({ collectionId, email, newEmail: email })}`);
    await eventually("the form", () => visit.shown("form"));
    const tree = await visit.page.accessibility.snapshot();
    const flat = (node) => [node, ...(node.children ?? []).flatMap(flat)];
    const names = flat(tree).filter(({ role }) => ["textbox", "checkbox", "button"].includes(role)).map(({ name }) => name);
    assert.deepEqual(names, expected);
    const wide = await visit.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wide <= 0, `${name} is ${wide} pixels too wide`);
    // What is typed is shown where that is wanted.
    const types = () => visit.page.evaluate(() => [...document.querySelectorAll("[data-field]")].filter((each) => each.checkVisibility()).map(({ type, autocomplete }) => `${type} ${autocomplete}`));
    const completes = name === "confirm-password-reset" ? ["new-password", "new-password"] : ["current-password"];
    assert.deepEqual(await types(), completes.map((each) => `password ${each}`));
    await visit.page.evaluate(() => [...document.querySelectorAll("[data-reveal]")].find((each) => each.checkVisibility()).click());
    assert.deepEqual(await types(), completes.map((each) => `text ${each}`));
    await visit.end();
  }
});

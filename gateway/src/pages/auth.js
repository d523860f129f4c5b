// What the links in PocketBase's mails ask for, and where its OAuth2 redirect ends: see gateway/docs/pages.md.
//
// Whatever is not written here (the token's payload, PocketBase's answers) goes into the page as text only.
// The token is kept in the entry of the session's history, not in its address: a phone that drops the page
// while its user looks into a password manager loads it again.

/** `/_/` and `/api/` lie side by side, wherever that is. */
const API = new URL("../api/", location.href);

/** How long an answer may take, in milliseconds. */
const PATIENCE = 30_000;

/** How long the end of a login is shown before its window closes, in milliseconds. */
const MOMENT = 700;

const EXPIRED = "This link no longer works";
const ONCE = "It may have been used already, or be too old.";
const BACK = "You can close this page and go back to the app.";

/** By the name in the fragment `#/auth/{name}`. */
const PAGES = {
  "confirm-verification": confirmVerification,
  "confirm-password-reset": confirmPasswordReset,
  "confirm-email-change": confirmEmailChange,
  "oauth2-redirect-success": oauth2Success,
  "oauth2-redirect-failure": oauth2Failure,
};

/** Counts what was opened: an answer that comes when something else is shown is nobody's. */
let opened = 0;

addEventListener("hashchange", open);
open();

function open() {
  opened += 1;
  const [, name, tail] = /^#\/auth\/([a-z0-9-]+)(?:\/([^/?&]*))?/.exec(location.hash) ?? [];
  const page = Object.hasOwn(PAGES, name ?? "") ? PAGES[name] : nothing;
  if (tail) history.replaceState({ token: tail }, "", `#/auth/${name}`);
  page(history.state ?? {});
}

async function confirmVerification(state) {
  const verified = () => notice("good", "Your email address is confirmed", `Thank you. ${BACK}`);
  if (state.done) return verified();
  const link = read(state.token);
  if (!link) return incomplete();
  const mine = opened;
  notice("busy", "Confirming your email address…", "This takes a moment.");
  const answer = await post(link, "confirm-verification", { token: link.token });
  if (mine !== opened) return;
  if (answer.ok) {
    spent();
    verified();
  } else if (answer.data.token) {
    expired(link, "request-verification", "Ask for a new one in the app.");
  } else {
    notice("bad", "Your email address is not confirmed yet", answer.message, {
      label: "Try again",
      run: () => confirmVerification(state),
    });
  }
}

function confirmPasswordReset(state) {
  const changed = () => notice("good", "Your password is changed", "Go back to the app and log in with the new one. You can close this page.");
  if (state.done) return changed();
  const link = read(state.token);
  if (!link) return incomplete();
  const form = show("reset");
  form.fill(link);
  form.onsubmit = async ({ password, passwordConfirm }) => {
    if (!password) return form.refuse({ password: "Choose a password." });
    if (password !== passwordConfirm) return form.refuse({ passwordConfirm: "The two are not the same." });
    const mine = opened;
    const answer = await post(link, "confirm-password-reset", { token: link.token, password, passwordConfirm });
    if (mine !== opened) return;
    if (answer.ok) {
      spent();
      changed();
    } else if (answer.data.token) {
      expired(link, "request-password-reset", "Ask for a new one where you log in.");
    } else {
      form.refuse(answer.data, answer.message);
    }
  };
}

function confirmEmailChange(state) {
  const changed = () => notice("good", "Your email address is changed", "Go back to the app and log in again. You can close this page.");
  if (state.done) return changed();
  const link = read(state.token);
  if (!link?.newEmail) return incomplete();
  const form = show("change");
  form.fill(link);
  form.onsubmit = async ({ password }) => {
    if (!password) return form.refuse({ password: "Type your password." });
    const mine = opened;
    const answer = await post(link, "confirm-email-change", { token: link.token, password });
    if (mine !== opened) return;
    if (answer.ok) {
      spent();
      changed();
    } else if (answer.data.token) {
      notice("bad", EXPIRED, `${ONCE} Go back to the app and change your email address there once more.`);
    } else if (answer.data.password) {
      form.refuse({ password: "This is not the password of the account." });
    } else {
      form.refuse(answer.data, answer.message);
    }
  };
}

function oauth2Success() {
  notice("good", "Go back to the app", "It goes on with your login by itself. This window is about to close.");
  const mine = opened;
  setTimeout(() => {
    if (mine !== opened) return;
    window.close();
    // Still here: the window was not opened by a script.
    notice("good", "Go back to the app", "It goes on with your login by itself. You can close this window.");
  }, MOMENT);
}

function oauth2Failure() {
  notice("bad", "You are not logged in", "The login was called off or refused, or it took too long. Close this window and try again in the app.");
}

function incomplete() {
  notice("bad", "This link is not complete", "Some mail programs break long links. Open it in the email once more, or copy all of it into the address bar.");
}

function nothing() {
  notice("plain", "There is nothing here", "Links in emails about your account lead to this page. If you came with one, open it in the email once more.");
}

/** A link that PocketBase does not take any more, and the way to another one. */
function expired(link, request, advice) {
  if (!link.email) return notice("bad", EXPIRED, `${ONCE} ${advice}`);
  const ask = async () => {
    const mine = opened;
    notice("busy", "Asking for a new link…", "This takes a moment.");
    const answer = await post(link, request, { email: link.email });
    if (mine !== opened) return;
    // It says so whether there is such an account or not, as PocketBase does.
    if (answer.ok) notice("plain", "Look into your mailbox", `If it is still needed, a new link is on its way to ${link.email}. It can take some minutes, and it may be among the spam.`);
    else notice("bad", "There is no new link yet", answer.message, { label: "Try again", run: ask });
  };
  notice("bad", EXPIRED, `${ONCE} We can send another to ${link.email}.`, { label: "Send a new link", run: ask });
}

/** What a token says of itself; null when it is not one. Nothing here was verified: that is PocketBase's part. */
function read(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
    const { collectionId, email, newEmail } = JSON.parse(new TextDecoder().decode(bytes));
    // It becomes a part of a path.
    if (typeof collectionId !== "string" || !/^\w{1,100}$/.test(collectionId)) return null;
    return { token, collectionId, email: address(email), newEmail: address(newEmail) };
  } catch {
    return null;
  }
}

/** An email address, or nothing: whoever makes up a link can't have this page say what they like. */
function address(value) {
  return typeof value === "string" && value.length <= 254 && /^[^\s@]+@[^\s@]+$/.test(value) ? value : "";
}

/** The token has done its work; loading the page again says so. */
function spent() {
  history.replaceState({ done: true }, "");
}

/** Asks, and tells what came of it: `ok`, or else `data` by field and a `message` for people. */
async function post(link, action, body) {
  const away = { ok: false, data: {}, message: "The server can't be reached at the moment. Check your connection and try again." };
  try {
    const response = await fetch(new URL(`collections/${link.collectionId}/${action}`, API), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (response.ok) return { ok: true };
    if (response.status === 429) return { ...away, message: "That was tried too often. Wait a few minutes and try again." };
    if (response.status >= 500) return { ...away, message: "The server has a problem at the moment. Try again in a few minutes." };
    const answer = await response.json();
    return { ok: false, data: messages(answer.data), message: said(answer.message) || "The server did not take it." };
  } catch {
    return away;
  }
}

/** PocketBase's `data`: a message by field. */
function messages(data) {
  const fields = Object.entries(Object(data)).map(([field, problem]) => [field, said(problem?.message) || "This is not valid."]);
  return Object.fromEntries(fields);
}

function said(text) {
  return typeof text === "string" ? text : "";
}

function element(id) {
  return document.getElementById(id);
}

/** Shows one card alone, its heading focused, and gives it back. */
function show(id) {
  for (const card of document.querySelectorAll("main > .card")) card.hidden = card.id !== id;
  const card = element(id);
  const title = card.querySelector("h1");
  document.title = title.textContent || document.title;
  title.focus({ preventScroll: true });
  return id === "notice" ? card : asForm(card);
}

/** A message with a tone (`busy`, `good`, `bad`, `plain`) and perhaps one thing to do. */
function notice(tone, title, text, action) {
  element("notice").dataset.tone = tone;
  element("notice-title").textContent = title;
  element("notice-text").textContent = text;
  const button = element("notice-action");
  button.hidden = !action;
  button.textContent = action?.label ?? "";
  button.onclick = action?.run ?? null;
  show("notice");
}

/** What the pages want of a form: to fill it, to hear what was typed, to say what is wrong with it. */
function asForm(form) {
  const fields = [...form.querySelectorAll("[data-field]")];
  const button = form.querySelector("button");
  const label = (button.dataset.label ??= button.textContent);
  const alert = form.querySelector("[data-alert]");
  const reveal = form.querySelector("[data-reveal]");

  const mark = (field, problem) => {
    field.setAttribute("aria-invalid", String(Boolean(problem)));
    form.querySelector(`[data-error="${field.dataset.field}"]`).textContent = problem ?? "";
  };
  const wait = (isWaiting) => {
    button.setAttribute("aria-disabled", String(isWaiting));
    button.textContent = isWaiting ? button.dataset.busy : label;
  };
  const clear = () => {
    for (const field of fields) mark(field);
    alert.textContent = "";
  };
  const face = {
    onsubmit: null,
    fill({ email, newEmail }) {
      form.reset();
      reveal.onchange();
      clear();
      wait(false);
      for (const part of form.querySelectorAll("[data-account]")) part.textContent = email;
      for (const part of form.querySelectorAll("[data-when=account]")) part.hidden = !email;
      for (const part of form.querySelectorAll("[data-new-email]")) part.textContent = newEmail;
      form.querySelector("[data-username]").value = email;
    },
    /** Problems by field; what belongs to no field is said above them. */
    refuse(problems, otherwise = "") {
      for (const field of fields) mark(field, problems[field.dataset.field]);
      const wrong = fields.find((field) => problems[field.dataset.field]);
      const rest = Object.keys(problems).filter((name) => !fields.some((field) => field.dataset.field === name));
      alert.textContent = rest.length ? problems[rest[0]] : wrong ? "" : otherwise;
      (wrong ?? fields[0]).focus();
    },
  };
  reveal.onchange = () => {
    for (const field of fields) field.type = reveal.checked ? "text" : "password";
  };
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    clear();
    wait(true);
    await face.onsubmit(Object.fromEntries(fields.map((field) => [field.dataset.field, field.value])));
    wait(false);
    // Nothing typed stays in a page that is over.
    if (form.hidden) form.reset();
  };
  return face;
}

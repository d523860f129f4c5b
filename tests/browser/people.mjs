// People with an account, and the mails that reach them: PocketBase keeps them (tests/fixtures/mail).

import assert from "node:assert/strict";
import { ask, eventually } from "./browser.mjs";

/** PocketBase itself. */
export const POCKETBASE = process.env.POCKETBASE_URL;

/** Everybody's password, to begin with. */
export const PASSWORD = "1234567890";

const USERS = "/api/collections/users";

let people = 0;

/** Somebody new, with the mails that reach them. */
export async function somebody() {
  people += 1;
  const email = `person${people}.${Date.now()}@example.com`;
  const made = await ask("POST", `${POCKETBASE}${USERS}/records`, { email, password: PASSWORD, passwordConfirm: PASSWORD });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  return { email, id: made.body.id };
}

export async function login(email, password) {
  return ask("POST", `${POCKETBASE}${USERS}/auth-with-password`, { identity: email, password });
}

/** Asks for a mail, and gives back the fragment of its link. */
export async function link(to, action, body, token) {
  const asked = await ask("POST", `${POCKETBASE}${USERS}/${action}`, body, token);
  assert.equal(asked.status, 204, JSON.stringify(asked.body));
  return eventually(`a mail for ${to}`, async () => {
    const mails = await ask("GET", `${POCKETBASE}/test/mails`);
    const links = mails.body.filter((mail) => mail.to === to).map(({ html }) => /href="[^"#]*\/_\/(#\/auth\/[^"]+)"/.exec(html)[1]);
    return links.findLast((link) => link.startsWith(`#/auth/${action.replace("request", "confirm")}/`));
  });
}

/** A token that nobody signed. */
export function forged(payload) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "HS256", typ: "JWT" })}.${part(payload)}.${"x".repeat(43)}`;
}

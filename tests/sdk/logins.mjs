// Every way that the SDK knows to log in, as its documentation shows it. HAPTA_URL is asked; MAILS is the mailbox's URL.
//
// Who starts it has made the ways in (tests/suite/ways_in/sdk.rs), by describe(): the second factor wants another PocketBase.
import assert from "node:assert/strict"
import { describe, test } from "node:test"

import { EventSource } from "eventsource"

import { ALICE, PASSWORD, client } from "./client.mjs"

// Browsers have one.
globalThis.EventSource = EventSource

const BOB = "bob000000000000"
const REDIRECT = `${process.env.HAPTA_URL}/api/oauth2-redirect`

/** The next mail to somebody. */
async function mailTo(address) {
  const response = await fetch(`${process.env.MAILS}?to=${encodeURIComponent(address)}`, { signal: AbortSignal.timeout(20_000) })
  return response.json()
}

async function oneTimePassword(address) {
  return (await mailTo(address)).text.match(/\b\d{8}\b/)[0]
}

/** The token at the end of the link in the next mail. */
async function mailedToken(address) {
  return (await mailTo(address)).html.match(/href="[^"]*\/([^"/]+)"/)[1]
}

/** A browser that knows nothing yet: logs in at the provider, consents, and gives back where it is sent then. */
async function walk(url, login) {
  const origin = new URL(url).origin
  const cookies = new Map()

  async function open(target, body) {
    const response = await fetch(target, {
      method: body ? "POST" : "GET",
      body,
      redirect: "manual",
      headers: { Cookie: [...cookies].map((pair) => pair.join("=")).join("; ") },
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = cookie.match(/^([^=]+)=([^;]*)/)
      cookies.set(name, value)
    }
    const location = response.headers.get("location")
    if (!location) {
      assert.equal(response.status, 200, await response.clone().text())
      return { page: await response.text() }
    }
    const next = new URL(location, target)
    return next.origin === origin ? open(next) : { location: next }
  }

  const submit = ({ page }, fields) => open(new URL(page.match(/action="([^"]+)"/)[1], origin), new URLSearchParams(fields))
  const loggedIn = await submit(await open(url), { prompt: "login", login, password: "any" })
  return (await submit(loggedIn, { prompt: "consent" })).location
}

/** What the SDK calls with the provider's URL: the window in which somebody logs in. */
function windowOf(login) {
  return async (url) => {
    const back = await walk(url, login)
    assert.equal(`${back.origin}${back.pathname}`, REDIRECT)
    const response = await fetch(back, { redirect: "manual" })
    assert.equal(response.status, 307)
  }
}

describe("every way", () => {
  test("the ways in are listed", async () => {
    const pb = await client()
    const methods = await pb.collection("users").listAuthMethods()
    assert.equal(methods.password.enabled, true)
    assert.equal(methods.otp.enabled, true)
    assert.equal(methods.mfa.enabled, false)
    assert.deepEqual(methods.oauth2.providers.map((provider) => provider.name), ["oidc"])
  })

  test("authWithOAuth2, in one call", async () => {
    const pb = await client()
    const users = pb.collection("users")
    const createData = { bio: "I came by the provider." }
    const made = await users.authWithOAuth2({ provider: "oidc", createData, urlCallback: windowOf("dora") })
    assert.equal(made.record.email, "dora@provider.example")
    assert.equal(made.record.bio, "I came by the provider.")
    assert.equal(pb.authStore.record.id, made.record.id)
    assert.equal((await users.authRefresh()).record.id, made.record.id)

    const other = await client()
    const again = await other.collection("users").authWithOAuth2({ provider: "oidc", urlCallback: windowOf("dora") })
    assert.equal(again.record.id, made.record.id)
  })

  test("authWithOAuth2, two at once", async () => {
    const logins = ["frida", "gustav"]
    const answers = await Promise.all(
      logins.map(async (login) => {
        const pb = await client()
        return pb.collection("users").authWithOAuth2({ provider: "oidc", urlCallback: windowOf(login) })
      }),
    )
    assert.deepEqual(answers.map((answer) => answer.record.email), ["frida@provider.example", "gustav@provider.example"])
  })

  test("authWithOAuth2Code, by hand", async () => {
    const pb = await client()
    const users = pb.collection("users")
    const [provider] = (await users.listAuthMethods()).oauth2.providers
    const back = await walk(provider.authURL + encodeURIComponent(REDIRECT), "emil")
    assert.equal(back.searchParams.get("state"), provider.state)
    const code = back.searchParams.get("code")
    const made = await users.authWithOAuth2Code("oidc", code, provider.codeVerifier, REDIRECT, { bio: "By hand." })
    assert.equal(made.record.email, "emil@provider.example")
    assert.equal(made.record.bio, "By hand.")
    const replayed = (await client()).collection("users").authWithOAuth2Code("oidc", code, provider.codeVerifier, REDIRECT)
    await assert.rejects(replayed, { status: 400 })
  })

  test("a link while logged in", async () => {
    const pb = await client("bob")
    const linked = await pb.collection("users").authWithOAuth2({ provider: "oidc", urlCallback: windowOf("bobby") })
    assert.equal(linked.record.id, BOB)
    const other = await client()
    const again = await other.collection("users").authWithOAuth2({ provider: "oidc", urlCallback: windowOf("bobby") })
    assert.equal(again.record.id, BOB)
  })

  test("requestOTP and authWithOTP", async () => {
    const pb = await client()
    const { otpId } = await pb.collection("users").requestOTP("alice@example.com")
    const password = await oneTimePassword("alice@example.com")
    await assert.rejects(pb.collection("users").authWithOTP(otpId, "no eight digits"), { status: 400 })
    await pb.collection("users").authWithOTP(otpId, password)
    assert.equal(pb.authStore.record.id, ALICE)
  })

  test("a new account, verified", async () => {
    const pb = await client()
    const users = pb.collection("users")
    const email = "hans@example.com"
    await users.create({ email, password: PASSWORD, passwordConfirm: PASSWORD, name: "hans" })
    await users.authWithPassword(email, PASSWORD)
    assert.equal(pb.authStore.record.verified, false)
    assert.equal(await users.requestVerification(email), true)
    assert.equal(await users.confirmVerification(await mailedToken(email)), true)
    assert.equal(pb.authStore.record.verified, true)
    assert.equal((await users.authRefresh()).record.verified, true)
  })

  test("a new password", async () => {
    const pb = await client("carol")
    const users = pb.collection("users")
    await users.requestPasswordReset("carol@example.com")
    const token = await mailedToken("carol@example.com")
    await users.confirmPasswordReset(token, "a new password", "a new password")
    await assert.rejects(users.authRefresh(), { status: 401 })
    await assert.rejects(users.authWithPassword("carol@example.com", PASSWORD), { status: 400 })
    await users.authWithPassword("carol@example.com", "a new password")
    assert.equal(pb.authStore.isValid, true)
  })

  test("another address", async () => {
    const pb = await client()
    const users = pb.collection("users")
    await users.create({ email: "ida@example.com", password: PASSWORD, passwordConfirm: PASSWORD })
    await users.authWithPassword("ida@example.com", PASSWORD)
    await users.requestEmailChange("ida2@example.com")
    await users.confirmEmailChange(await mailedToken("ida2@example.com"), PASSWORD)
    // The SDK forgets a login that ended by that.
    assert.equal(pb.authStore.isValid, false)
    await users.authWithPassword("ida2@example.com", PASSWORD)
    assert.equal(pb.authStore.record.email, "ida2@example.com")
  })
})

describe("a second factor", () => {
  /** As the documentation of the SDK has it: the first way throws, with what the second needs. */
  async function first(login) {
    try {
      await login
    } catch (error) {
      assert.equal(error.status, 401)
      assert.ok(error.response.mfaId)
      return error.response.mfaId
    }
    assert.fail("one way was enough")
  }

  test("a password and then a mail", async () => {
    const pb = await client()
    const users = pb.collection("users")
    const mfaId = await first(users.authWithPassword("bob@example.com", PASSWORD))
    assert.equal(pb.authStore.isValid, false)
    const { otpId } = await users.requestOTP("bob@example.com")
    await users.authWithOTP(otpId, await oneTimePassword("bob@example.com"), { mfaId })
    assert.equal(pb.authStore.record.id, BOB)
  })

  test("a mail and then a password", async () => {
    const pb = await client()
    const users = pb.collection("users")
    const { otpId } = await users.requestOTP("alice@example.com")
    const mfaId = await first(users.authWithOTP(otpId, await oneTimePassword("alice@example.com")))
    await users.authWithPassword("alice@example.com", PASSWORD, { mfaId })
    assert.equal(pb.authStore.record.id, ALICE)
  })
})

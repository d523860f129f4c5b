// The SDK with the client module that signs. HAPTA_URL takes nothing without APP_KEY, and no login without a proof.
import assert from "node:assert/strict"
import { describe, test } from "node:test"

import { EventSource } from "eventsource"
import PocketBase from "pocketbase"

import { KeysInMemory, protect } from "../../gateway/clients/js/hapta-client.js"
import { ALICE, PASSWORD } from "./client.mjs"

globalThis.EventSource = EventSource

const { APP_KEY, HAPTA_URL } = process.env

const code = (error) => error.response?.data?.["@gateway"]?.code

/** A client of the SDK; protected, if it is told how. */
function client(protection) {
  const pb = new PocketBase(HAPTA_URL)
  pb.autoCancellation(false)
  return { pb, own: protection && protect(pb, protection) }
}

const logIn = (pb) => pb.collection("users").authWithPassword("alice@example.com", PASSWORD)

const post = { title: "Signed", author: ALICE, status: "draft" }

describe("signed", () => {
  test("the gateway takes nothing of who shows nothing", async () => {
    await assert.rejects(client().pb.collection("posts").getList(), (error) => code(error) === "application_key")
    const { pb } = client({ key: APP_KEY, dpop: false })
    await pb.collection("posts").getList()
    await assert.rejects(logIn(pb), (error) => error.status === 401 && code(error) === "proof_missing")
  })

  test("records, batches and files as ever", async () => {
    const { pb } = client({ key: APP_KEY })
    await logIn(pb)
    const made = await pb.collection("posts").create(post)
    assert.equal((await pb.collection("posts").update(made.id, { title: "Once more" })).title, "Once more")
    assert.ok((await pb.collection("posts").getFullList({ filter: "title = 'Once more'" })).length >= 1)
    const batch = pb.createBatch()
    batch.collection("posts").create(post)
    batch.collection("posts").delete(made.id)
    assert.deepEqual((await batch.send()).map(({ status }) => status), [200, 204])
    await pb.collection("users").update(ALICE, { avatar: new File(["x"], "x.png", { type: "image/png" }) }).catch((error) => {
      assert.equal(error.status, 400)
      assert.equal(code(error) === "proof_invalid", false)
    })
    assert.equal((await pb.collection("users").authRefresh()).record.id, ALICE)
    await assert.rejects(pb.collection("posts").getOne("missing00000000"), { status: 404 })
  })

  test("many requests at once, each with a proof of its own", async () => {
    const { pb } = client({ key: APP_KEY })
    await logIn(pb)
    const lists = Array.from({ length: 24 }, () => pb.collection("posts").getList(1, 1))
    assert.equal((await Promise.all(lists)).length, 24)
  })

  test("what changes is told, and the subscription is signed", async () => {
    const { pb } = client({ key: APP_KEY })
    await logIn(pb)
    let done
    const told = new Promise((resolve) => (done = resolve))
    const stop = await pb.collection("posts").subscribe("*", done)
    await pb.collection("posts").create(post)
    assert.equal((await told).action, "create")
    await stop()
  })

  test("a request that somebody saw can't be sent again", async () => {
    const { pb } = client({ key: APP_KEY })
    await logIn(pb)
    let seen
    const { fetch } = globalThis
    await pb.collection("posts").getList(1, 1, { fetch: (url, options) => fetch(url, (seen = options)) })
    const headers = seen.headers
    const again = await fetch(`${HAPTA_URL}/api/collections/posts/records`, { headers })
    assert.equal((await again.json()).data["@gateway"].code, "proof_replayed")
    const elsewhere = await fetch(`${HAPTA_URL}/api/collections/comments/records`, { headers })
    assert.equal((await elsewhere.json()).data["@gateway"].code, "proof_invalid")
  })

  test("a token without the key of its session is worth nothing, and with it works on", async () => {
    const { pb } = client({ key: APP_KEY })
    await logIn(pb)
    const { token, record } = pb.authStore
    const own = `${HAPTA_URL}/api/collections/users/records/${record.id}`
    for (const Authorization of [token, `Bearer ${token}`]) {
      const stolen = await fetch(own, { headers: { Authorization, "X-Hapta-Key": APP_KEY } })
      assert.equal((await stolen.json()).data["@gateway"].code, "proof_missing")
    }
    const thief = client({ key: APP_KEY, keys: new KeysInMemory() }).pb
    thief.authStore.save(token, record)
    await assert.rejects(thief.collection("users").getOne(record.id), (error) => code(error) === "proof_missing")
    await assert.rejects(thief.collection("users").authRefresh(), (error) => code(error) === "proof_missing")
    await pb.collection("users").authRefresh()
    assert.equal((await pb.collection("users").getOne(record.id)).id, record.id)
  })

  test("who logs out is out", async () => {
    const { pb } = client({ key: APP_KEY })
    await logIn(pb)
    await pb.send("/api/hapta/logout", { method: "POST" })
    await assert.rejects(pb.collection("users").getOne(ALICE), { status: 401 })
  })

  test("a clock that is wrong is put right", async (context) => {
    const now = Date.now
    for (const wrong of [-3_600_000, 3_600_000]) {
      context.mock.method(Date, "now", () => now() + wrong)
      const { pb } = client({ key: APP_KEY })
      await logIn(pb).finally(() => context.mock.restoreAll())
      assert.ok(pb.authStore.record)
    }
  })

  test("a hook that was there before is asked first", async () => {
    const { pb } = client()
    const asked = []
    pb.beforeSend = (url, options) => {
      asked.push(url)
      return { url, options: { ...options, headers: { ...options.headers, "x-hapta-key": "replaced", DPOP: "replaced" } } }
    }
    protect(pb, { key: APP_KEY })
    await logIn(pb)
    assert.equal(asked.length, 1)
  })

  test("nothing of it goes where a hook leads the request", async () => {
    const { pb } = client()
    pb.beforeSend = (url, options) => ({ url: url.replace("127.0.0.1", "localhost"), options })
    protect(pb, { key: APP_KEY })
    await assert.rejects(pb.collection("posts").getList(), (error) => code(error) === "application_key")
  })

  test("a key is one client's until it is forgotten", async () => {
    const keys = new KeysInMemory()
    const [one, other] = [client({ key: APP_KEY, keys }), client({ key: APP_KEY, keys })]
    const [first, second] = await Promise.all([one.own.thumbprint(), other.own.thumbprint()])
    assert.equal(first, second)
    assert.match(first, /^[\w-]{43}$/)
    await one.own.forget()
    assert.notEqual(await other.own.thumbprint(), first)
  })
})

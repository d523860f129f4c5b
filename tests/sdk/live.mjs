// Records as they change, as the SDK watches them. HAPTA_URL is asked; who starts it has made the collections
// (tests/src/live.rs).
import assert from "node:assert/strict"
import { describe, test } from "node:test"

import { EventSource } from "eventsource"

import { ALICE, client } from "./client.mjs"

// Browsers have it; Node does not yet.
globalThis.EventSource = EventSource

const BOB = "bob000000000000"

/** What a callback was told, to be awaited one by one. */
class Told {
  events = []
  #waiting = []

  callback = (event) => {
    const next = this.#waiting.shift()
    if (next) next(event)
    else this.events.push(event)
  }

  next() {
    if (this.events.length) return Promise.resolve(this.events.shift())
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("no event came")), 20_000)
      this.#waiting.push((event) => {
        clearTimeout(late)
        resolve(event)
      })
    })
  }

  /** Nothing is told for a while. */
  async nothing() {
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.deepEqual(this.events, [])
  }
}

/** A note that anybody may list. */
const publish = (pb, more = {}) => pb.collection("notes").create({ title: "x", status: "public", ...more })

for (const name of [undefined, "alice"]) {
  describe(`live, as ${name ?? "a guest"}`, () => {
    test("all of a collection, from the beginning of a record to its end", async () => {
      const pb = await client(name)
      const told = new Told()
      const unsubscribe = await pb.collection("notes").subscribe("*", told.callback)
      const note = await publish(pb)
      assert.deepEqual(await told.next(), { action: "create", record: note })
      const updated = await pb.collection("notes").update(note.id, { title: "y" })
      assert.deepEqual(await told.next(), { action: "update", record: updated })
      await pb.collection("notes").delete(note.id)
      const end = await told.next()
      assert.deepEqual([end.action, end.record.id], ["delete", note.id])
      assert.equal(pb.realtime.isConnected, true)
      await unsubscribe()
      assert.equal(pb.realtime.isConnected, false)
      await publish(pb)
      await told.nothing()
    })

    test("one record and not its neighbour", async () => {
      const pb = await client(name)
      const [one, other] = [await publish(pb), await publish(pb)]
      const told = new Told()
      await pb.collection("notes").subscribe(one.id, told.callback)
      await pb.collection("notes").update(other.id, { title: "other" })
      await pb.collection("notes").update(one.id, { title: "one" })
      assert.equal((await told.next()).record.title, "one")
      await told.nothing()
      await pb.collection("notes").unsubscribe(one.id)
      await pb.collection("notes").update(one.id, { title: "again" })
      await told.nothing()
    })

    test("options: a filter, an expand, fields", async () => {
      const pb = await client(name)
      const [filtered, expanded, few] = [new Told(), new Told(), new Told()]
      const notes = pb.collection("notes")
      await notes.subscribe("*", filtered.callback, { filter: pb.filter("title = {:title}", { title: "it's \"this\" & that" }) })
      await notes.subscribe("*", expanded.callback, { expand: "owner" })
      await notes.subscribe("*", few.callback, { fields: "id,title" })
      const other = await publish(pb, { owner: BOB })
      const wanted = await publish(pb, { title: "it's \"this\" & that", owner: BOB })
      assert.equal((await filtered.next()).record.id, wanted.id)
      // Two writes may be told in any order.
      const owners = [await expanded.next(), await expanded.next()].map(({ record }) => record.expand.owner.name)
      assert.deepEqual(owners, ["bob", "bob"])
      const told = [await few.next(), await few.next()].map(({ record }) => record)
      const plain = [other, wanted].map(({ id, title }) => ({ id, title }))
      const by = (one, two) => (one.id < two.id ? -1 : 1)
      assert.deepEqual(told.sort(by), plain.sort(by))
      await filtered.nothing()
      await notes.unsubscribe()
      assert.equal(pb.realtime.isConnected, false)
    })

    test("several callbacks, each let go by itself", async () => {
      const pb = await client(name)
      const [one, two, three] = [new Told(), new Told(), new Told()]
      const unsubscribe = await pb.collection("notes").subscribe("*", one.callback)
      await pb.collection("notes").subscribe("*", two.callback)
      await pb.collection("plain").subscribe("*", three.callback)
      const note = await publish(pb)
      assert.equal((await one.next()).record.id, note.id)
      assert.equal((await two.next()).record.id, note.id)
      await unsubscribe()
      const again = await publish(pb)
      assert.equal((await two.next()).record.id, again.id)
      await one.nothing()
      await pb.collection("notes").unsubscribe("*")
      const plain = await pb.collection("plain").create({ title: "p" })
      assert.equal((await three.next()).record.id, plain.id)
      await publish(pb)
      await two.nothing()
      await pb.realtime.unsubscribe()
    })

    test("a connection that breaks is made again, with all that was asked for", async () => {
      const pb = await client(name)
      const told = new Told()
      const connected = new Told()
      await pb.realtime.subscribe("PB_CONNECT", connected.callback)
      await connected.next()
      await pb.collection("notes").subscribe("*", told.callback)
      const before = pb.realtime.clientId
      // As when the network breaks.
      pb.realtime.eventSource.onerror(new Error("broken"))
      await connected.next()
      assert.notEqual(pb.realtime.clientId, before)
      const note = await publish(pb)
      assert.equal((await told.next()).record.id, note.id)
      await pb.realtime.unsubscribe()
    })
  })
}

describe("live, as somebody", () => {
  test("what is hers is told to her and not to guests", async () => {
    const [alice, guest] = [await client("alice"), await client()]
    const [hers, theirs] = [new Told(), new Told()]
    await alice.collection("notes").subscribe("*", hers.callback)
    await guest.collection("notes").subscribe("*", theirs.callback)
    const note = await alice.collection("notes").create({ title: "x", status: "private", owner: ALICE })
    assert.equal((await hers.next()).record.id, note.id)
    await theirs.nothing()
    await alice.realtime.unsubscribe()
    await guest.realtime.unsubscribe()
  })

  test("a guest who logs in is told what is hers with the next subscription", async () => {
    const pb = await client()
    const told = new Told()
    await pb.collection("plain").subscribe("*", () => {})
    await pb.collection("users").authWithPassword("alice@example.com", "1234567890")
    await pb.collection("notes").subscribe("*", told.callback)
    const note = await pb.collection("notes").create({ title: "x", status: "private", owner: ALICE })
    assert.equal((await told.next()).record.id, note.id)
    await pb.realtime.unsubscribe()
  })

  test("her own record", async () => {
    const pb = await client("alice")
    const told = new Told()
    await pb.collection("users").subscribe(ALICE, told.callback)
    await pb.collection("users").update(ALICE, { bio: "I watch myself." })
    const { action, record } = await told.next()
    assert.deepEqual([action, record.bio, record.email], ["update", "I watch myself.", "alice@example.com"])
    await pb.realtime.unsubscribe()
  })
})

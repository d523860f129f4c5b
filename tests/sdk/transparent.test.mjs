// What is served where everything is: for PocketBase itself and gateway/examples/transparent.toml.
import assert from "node:assert/strict"
import { test } from "node:test"

import { ALICE, PASSWORD, POST_OF_ALICE, client } from "./client.mjs"

async function superuser() {
  const pb = await client()
  await pb.collection("_superusers").authWithPassword("admin@example.com", PASSWORD)
  return pb
}

test("a superuser logs in and stays in", async () => {
  const pb = await superuser()
  assert.equal(pb.authStore.isSuperuser, true)
  await pb.collection("_superusers").authRefresh()
  assert.equal(pb.authStore.isValid, true)
})

test("a superuser whose login renews itself", async () => {
  const pb = await client()
  await pb.collection("_superusers").authWithPassword("admin@example.com", PASSWORD, { autoRefreshThreshold: 1800 })
  assert.equal((await pb.collection("posts").getOne(POST_OF_ALICE)).moderation, "seen")
})

test("hidden fields are told to superusers, in filters too", async () => {
  const pb = await superuser()
  const list = await pb.collection("posts").getList(1, 1, { filter: "moderation = 'seen'", sort: "moderation,id" })
  assert.equal(list.totalItems, 5)
  assert.equal(list.items[0].moderation, "seen")
})

test("collections are listed, made, used at once, changed and deleted", async () => {
  const pb = await superuser()
  const names = (await pb.collections.getFullList({ sort: "name" })).map((collection) => collection.name)
  assert.ok(names.includes("posts"))
  const made = await pb.collections.create({ name: "notes", type: "base", listRule: "", fields: [{ name: "text", type: "text" }] })
  const note = await pb.collection("notes").create({ text: "x" })
  assert.deepEqual((await (await client()).collection("notes").getFullList()).map((each) => each.id), [note.id])
  await pb.collections.update("notes", { fields: [...made.fields, { name: "size", type: "number" }] })
  assert.equal((await pb.collection("notes").update(note.id, { size: 5 })).size, 5)
  assert.equal((await pb.collection("notes").getList(1, 1, { filter: "size > 4" })).totalItems, 1)
  await pb.collections.truncate("notes")
  assert.equal((await pb.collection("notes").getList()).totalItems, 0)
  await pb.collections.delete("notes")
  await assert.rejects(pb.collection("notes").getList(), { status: 404 })
})

test("a protected file by its token, to those whom the rule of its collection lets see it", async () => {
  const root = await superuser()
  const { fields, viewRule } = await root.collections.getOne("posts")
  const protectedCover = fields.map((field) => (field.name === "cover" ? { ...field, protected: true, thumbs: ["2x2"] } : field))
  await root.collections.update("posts", { fields: protectedCover, viewRule: "author = @request.auth.id" })
  try {
    const alice = await client("alice")
    const post = await alice.collection("posts").getOne(POST_OF_ALICE)
    const status = async (pb, more) => {
      const token = pb && (await pb.files.getToken())
      const response = await fetch(root.files.getURL(post, post.cover, { ...more, token }))
      await response.arrayBuffer()
      return [response.status, response.headers.get("content-disposition")?.split(";")[0]]
    }
    assert.deepEqual(await status(), [404, undefined])
    assert.deepEqual(await status(await client("bob")), [404, undefined])
    assert.deepEqual(await status(alice), [200, "inline"])
    assert.deepEqual(await status(alice, { thumb: "2x2", download: true }), [200, "attachment"])
    assert.deepEqual(await status(root, { thumb: "2x2" }), [200, "inline"])
  } finally {
    await root.collections.update("posts", { fields, viewRule })
  }
})

test("settings, logs and backups", async () => {
  const pb = await superuser()
  assert.ok((await pb.settings.getAll()).meta.appName)
  assert.equal((await pb.logs.getList(1, 1)).page, 1)
  assert.ok(Array.isArray(await pb.backups.getFullList()))
  assert.equal((await pb.health.check()).data.canBackup, true)
})

test("what superusers alone may ask is refused to others", async () => {
  const alice = await client("alice")
  await assert.rejects(alice.collections.getFullList(), { status: 403 })
  await assert.rejects((await client()).settings.getAll(), { status: 401 })
})

test("a list with every option", async () => {
  const pb = await client("alice")
  const list = await pb.collection("posts").getList(1, 2, {
    filter: pb.filter("author = {:alice} || views >= {:views}", { alice: ALICE, views: 5 }),
    sort: "-views,@rowid",
    expand: "author, comments_via_post.author",
    fields: "*,content:excerpt(5,true),expand.author.name",
    skipTotal: true,
  })
  assert.deepEqual(list.items.map((item) => item.views), [8, 5])
  assert.equal(list.items[0].content, "House...")
  assert.deepEqual(list.items[0].expand, { author: { name: "carol" } })
})

test("a stale token is a guest's", async () => {
  const pb = await client()
  pb.authStore.save("stale", null)
  assert.equal((await pb.collection("posts").getList(1, 1)).totalItems, 5)
})

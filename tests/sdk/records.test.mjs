import assert from "node:assert/strict"
import { test } from "node:test"

import { ALICE, POST_OF_ALICE, POST_OF_BOB, client } from "./client.mjs"

test("getList", async () => {
  const pb = await client()
  const list = await pb.collection("posts").getList(1, 2, { sort: "id" })
  assert.equal(list.items.length, 2)
  assert.deepEqual([list.page, list.perPage, list.totalItems, list.totalPages], [1, 2, 5, 3])
})

test("getList without totals", async () => {
  const pb = await client()
  const list = await pb.collection("posts").getList(1, 2, { skipTotal: true })
  assert.deepEqual([list.totalItems, list.totalPages], [-1, -1])
})

test("getFullList, in small batches too", async () => {
  const pb = await client()
  const all = await pb.collection("posts").getFullList({ sort: "id" })
  assert.equal(all.length, 5)
  assert.deepEqual(await pb.collection("posts").getFullList({ sort: "id", batch: 2 }), all)
})

test("getOne", async () => {
  const pb = await client()
  const post = await pb.collection("posts").getOne(POST_OF_ALICE)
  assert.equal(post.title, "Hello from alice")
  assert.deepEqual(post.tags, ["hello"])
})

test("getOne of nothing is an error of the known shape", async () => {
  const pb = await client()
  await assert.rejects(pb.collection("posts").getOne("missing00000000"), (error) => {
    assert.equal(error.status, 404)
    assert.equal(error.isAbort, false)
    assert.deepEqual(Object.keys(error.response).sort(), ["data", "message", "status"])
    return true
  })
})

test("getFirstListItem with a bound filter", async () => {
  const pb = await client()
  const filter = pb.filter("author.name = {:name} && status = {:status}", { name: "bob", status: "published" })
  const post = await pb.collection("posts").getFirstListItem(filter)
  assert.equal(post.id, POST_OF_BOB)
})

test("a bound value is a value, whatever is in it", async () => {
  const pb = await client()
  const filter = pb.filter("title = {:title}", { title: "x' || id != '" })
  await assert.rejects(pb.collection("posts").getFirstListItem(filter), { status: 404 })
})

test("dates and numbers in a filter", async () => {
  const pb = await client()
  const filter = pb.filter("created < {:now} && views > {:views}", { now: new Date(Date.now() + 1000), views: 4 })
  assert.equal((await pb.collection("posts").getList(1, 30, { filter })).totalItems, 2)
})

test("expand, there and back", async () => {
  const pb = await client()
  const post = await pb.collection("posts").getOne(POST_OF_ALICE, { expand: "author,comments_via_post.author" })
  assert.equal(post.expand.author.id, ALICE)
  const names = post.expand.comments_via_post.map((comment) => comment.expand.author.name)
  assert.deepEqual(names.sort(), ["bob", "carol"])
})

test("fields", async () => {
  const pb = await client()
  const post = await pb.collection("posts").getOne(POST_OF_ALICE, { fields: "id,title" })
  assert.deepEqual(post, { id: POST_OF_ALICE, title: "Hello from alice" })
})

test("create, update and delete", async () => {
  const pb = await client("alice")
  const posts = pb.collection("posts")
  const made = await posts.create({ title: "Made by the SDK", author: ALICE, views: 1 })
  const updated = await posts.update(made.id, { title: "Updated by the SDK", "views+": 2 }, { expand: "author" })
  assert.equal(updated.title, "Updated by the SDK")
  assert.equal(updated.views, 3)
  assert.equal(updated.expand.author.name, "alice")
  assert.equal(await posts.delete(made.id), true)
  await assert.rejects(posts.getOne(made.id), { status: 404 })
})

test("a field at fault is named", async () => {
  const pb = await client("alice")
  await assert.rejects(pb.collection("posts").create({ title: "" }), (error) => {
    assert.equal(error.status, 400)
    assert.equal(error.response.data.title.code, "validation_required")
    return true
  })
})

test("a write that PocketBase refuses a guest", async () => {
  const pb = await client()
  await assert.rejects(pb.collection("posts").create({ title: "x" }), { status: 400 })
  await assert.rejects(pb.collection("posts").delete(POST_OF_ALICE), { status: 404 })
})

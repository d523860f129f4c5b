import assert from "node:assert/strict"
import { test } from "node:test"

import { POST_OF_ALICE, client } from "./client.mjs"

test("a file by its URL", async () => {
  const pb = await client()
  const post = await pb.collection("posts").getOne(POST_OF_ALICE)
  const response = await fetch(pb.files.getURL(post, post.cover))
  assert.equal(response.status, 200)
  assert.equal(response.headers.get("content-type"), "image/png")
  const bytes = new Uint8Array(await response.arrayBuffer())
  assert.deepEqual([...bytes.slice(1, 4)], [80, 78, 71])
})

test("a file as a download", async () => {
  const pb = await client()
  const post = await pb.collection("posts").getOne(POST_OF_ALICE)
  const response = await fetch(pb.files.getURL(post, post.cover, { download: true }))
  assert.equal(response.status, 200)
  assert.match(response.headers.get("content-disposition"), /^attachment/)
})

test("a file by a token, and as older applications ask for its URL", async () => {
  const pb = await client("alice")
  const post = await pb.collection("posts").getOne(POST_OF_ALICE)
  const token = await pb.files.getToken()
  assert.equal(token.split(".").length, 3)
  for (const url of [pb.files.getURL(post, post.cover, { token }), pb.getFileUrl(post, post.cover, { token })]) {
    assert.equal((await fetch(url)).status, 200)
  }
  const part = await fetch(pb.files.getURL(post, post.cover, { token }), { headers: { Range: "bytes=1-3" } })
  assert.deepEqual([part.status, await part.text()], [206, "PNG"])
})

test("a guest gets no token for files", async () => {
  const pb = await client()
  await assert.rejects(pb.files.getToken(), { status: 401 })
})

test("health", async () => {
  const pb = await client()
  const health = await pb.health.check()
  assert.equal(health.code, 200)
  assert.equal(health.message, "API is healthy.")
})

test("a request of another route is an error of the known shape", async () => {
  const pb = await client()
  await assert.rejects(pb.send("/api/nothing", {}), (error) => {
    assert.equal(error.status, 404)
    assert.equal(typeof error.response.message, "string")
    return true
  })
})

test("a browser may ask from another origin", async () => {
  const response = await fetch(`${process.env.HAPTA_URL}/api/collections/posts/records`, {
    method: "OPTIONS",
    headers: {
      Origin: "https://app.example.com",
      "Access-Control-Request-Method": "PATCH",
      "Access-Control-Request-Headers": "authorization,content-type",
    },
  })
  assert.ok([200, 204].includes(response.status))
  assert.ok(["*", "https://app.example.com"].includes(response.headers.get("access-control-allow-origin")))
  assert.match(response.headers.get("access-control-allow-methods"), /PATCH/)
})

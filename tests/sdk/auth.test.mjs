import assert from "node:assert/strict"
import { test } from "node:test"

import { ALICE, PASSWORD, client } from "./client.mjs"

test("a login fills the auth store", async () => {
  const pb = await client()
  const answer = await pb.collection("users").authWithPassword("alice@example.com", PASSWORD)
  assert.equal(answer.record.id, ALICE)
  assert.equal(answer.record.email, "alice@example.com")
  assert.equal(pb.authStore.token, answer.token)
  assert.equal(pb.authStore.isValid, true)
  assert.equal(pb.authStore.isSuperuser, false)
})

test("a wrong password is an error of the known shape", async () => {
  const pb = await client()
  await assert.rejects(pb.collection("users").authWithPassword("alice@example.com", "wrong"), (error) => {
    assert.equal(error.name, "ClientResponseError 400")
    assert.equal(error.status, 400)
    assert.equal(error.response.message, "Failed to authenticate.")
    assert.deepEqual(error.response.data, {})
    return true
  })
  assert.equal(pb.authStore.isValid, false)
})

test("a login replaces a stale token", async () => {
  const pb = await client()
  pb.authStore.save("stale", null)
  await pb.collection("users").authWithPassword("alice@example.com", PASSWORD)
  assert.equal(pb.authStore.isValid, true)
})

test("a refresh keeps one logged in", async () => {
  const pb = await client("alice")
  const answer = await pb.collection("users").authRefresh()
  assert.equal(answer.record.id, ALICE)
  assert.equal(pb.authStore.isValid, true)
})

test("a refresh expands", async () => {
  const pb = await client("alice")
  const answer = await pb.collection("users").authRefresh({ expand: "posts_via_author" })
  assert.ok(answer.record.expand.posts_via_author.length >= 1)
})

test("a refresh without a login is 401", async () => {
  const pb = await client()
  await assert.rejects(pb.collection("users").authRefresh(), { status: 401 })
})

test("the ways to log in are listed", async () => {
  const pb = await client()
  const methods = await pb.collection("users").listAuthMethods()
  assert.equal(methods.password.enabled, true)
  assert.deepEqual(methods.password.identityFields, ["email"])
  assert.equal(methods.otp.enabled, false)
})

test("a new account can be made and used", async () => {
  const pb = await client()
  const email = "dave@example.com"
  const dave = await pb.collection("users").create({ email, password: PASSWORD, passwordConfirm: PASSWORD, name: "dave" })
  await pb.collection("users").authWithPassword(email, PASSWORD)
  assert.equal(pb.authStore.record.id, dave.id)
  await pb.collection("users").delete(dave.id)
  assert.equal(pb.authStore.isValid, false)
})

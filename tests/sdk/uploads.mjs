// Files and batches as the SDK sends them. HAPTA_URL is asked; who starts it has made the collections (tests/src/albums.rs).
import assert from "node:assert/strict"
import { describe, test } from "node:test"

import { ALICE, client } from "./client.mjs"

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII=",
  "base64",
)

const png = (name) => new File([PNG], name, { type: "image/png" })
const text = (name, content = name) => new File([content], name, { type: "text/plain" })

/** What the names of files begin with, before what PocketBase adds. */
const stems = (names) => names.map((name) => name.slice(0, 3))

/** The bytes that are kept. */
async function kept(pb, record, name) {
  const response = await fetch(pb.files.getURL(record, name))
  assert.equal(response.status, 200)
  return Buffer.from(await response.arrayBuffer())
}

describe("uploads", () => {
  test("an object with a File", async () => {
    const pb = await client()
    const album = await pb.collection("albums").create({ title: "007", plays: 1.5, cover: png("front.png") })
    assert.deepEqual([album.title, album.plays], ["007", 1.5])
    assert.match(album.cover, /^front_\w{10}\.png$/)
    assert.deepEqual(await kept(pb, album, album.cover), PNG)
  })

  test("a Blob, which has no name", async () => {
    const pb = await client()
    const album = await pb.collection("albums").create({ scan: new Blob(["a scan"]) })
    assert.match(album.scan, /^blob_/)
    assert.equal(String(await kept(pb, album, album.scan)), "a scan")
  })

  test("lists, objects and null beside a File", async () => {
    const pb = await client("alice")
    const post = await pb.collection("posts").create({
      title: "With all kinds",
      tags: ["a", { b: 1 }],
      cover: png("front.png"),
      author: ALICE,
      status: null,
      views: 7,
    })
    assert.deepEqual(post.tags, ["a", { b: 1 }])
    assert.deepEqual([post.status, post.views, post.author], ["", 7, ALICE])
    assert.ok(post.cover)
  })

  test("several files", async () => {
    const pb = await client()
    const album = await pb.collection("albums").create({ photos: [text("one.txt"), text("two.txt")] })
    assert.deepEqual(stems(album.photos), ["one", "two"])
    assert.equal(String(await kept(pb, album, album.photos[1])), "two.txt")
  })

  test("FormData", async () => {
    const pb = await client()
    const form = new FormData()
    form.append("photos", text("one.txt"))
    form.append("title", "from a form")
    form.append("photos", text("two.txt"))
    const album = await pb.collection("albums").create(form)
    assert.equal(album.title, "from a form")
    assert.deepEqual(stems(album.photos), ["one", "two"])
  })

  test("files are added and removed", async () => {
    const pb = await client()
    const albums = pb.collection("albums")
    let album = await albums.create({ photos: [text("one.txt"), text("two.txt")] })
    album = await albums.update(album.id, { "photos+": text("six.txt") })
    assert.deepEqual(stems(album.photos), ["one", "two", "six"])
    album = await albums.update(album.id, { "photos-": [album.photos[0]] })
    assert.deepEqual(stems(album.photos), ["two", "six"])
    album = await albums.update(album.id, { "+photos": [text("ten.txt")] })
    assert.deepEqual(stems(album.photos), ["ten", "two", "six"])
    album = await albums.update(album.id, { photos: [album.photos[2], text("new.txt")] })
    assert.deepEqual(stems(album.photos), ["six", "new"])
    album = await albums.update(album.id, { photos: [] })
    assert.deepEqual(album.photos, [])
  })

  test("one file is replaced and cleared", async () => {
    const pb = await client()
    const albums = pb.collection("albums")
    let album = await albums.create({ cover: png("one.png") })
    album = await albums.update(album.id, { cover: png("two.png") })
    assert.equal(album.cover.slice(0, 3), "two")
    album = await albums.update(album.id, { cover: null })
    assert.equal(album.cover, "")
  })

  test("names of all kinds", async () => {
    const pb = await client()
    for (const [name, begins] of [
      ["Ünïcode 名前.txt", "n_code_"],
      ["sp ace (1).txt", "sp_ace_1_"],
      ["about 50%.txt", "about_50_"],
      ["quo\"te.txt", "quo_"],
    ]) {
      const album = await pb.collection("albums").create({ scan: text(name) })
      assert.ok(album.scan.startsWith(begins), `${name} became ${album.scan}`)
    }
  })

  test("a file that is too large is told by its field", async () => {
    const pb = await client()
    await assert.rejects(pb.collection("albums").create({ photos: text("a.txt", "x".repeat(1001)) }), (error) => {
      assert.equal(error.status, 400)
      assert.equal(error.response.data.photos.code, "validation_file_size_limit")
      return true
    })
  })

  test("a refusal that comes before the file is heard", async () => {
    const pb = await client()
    const scan = text("a.txt", "x".repeat(200_000))
    for (let turn = 0; turn < 20; turn++) {
      await assert.rejects(pb.collection("nowhere").create({ scan }), { status: 404 })
    }
  })

  test("an upload of some megabytes", async () => {
    const pb = await client()
    const film = Buffer.alloc(12_000_000, "film")
    const album = await pb.collection("albums").create({ film: new File([film], "film.bin") })
    assert.ok(film.equals(await kept(pb, album, album.film)))
  })
})

describe("batches", () => {
  test("create, update, upsert and delete", async () => {
    const pb = await client()
    const old = await pb.collection("albums").create({ title: "old" })
    const batch = pb.createBatch()
    batch.collection("albums").create({ title: "made" })
    batch.collection("albums").update(old.id, { title: "changed", "plays+": 2 })
    batch.collection("albums").upsert({ id: old.id, title: "changed again" })
    batch.collection("albums").upsert({ title: "made, too" })
    batch.collection("albums").delete(old.id)
    const answers = await batch.send()
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body?.title]),
      [[200, "made"], [200, "changed"], [200, "changed again"], [200, "made, too"], [204, undefined]],
    )
    assert.deepEqual([answers[1].body.plays, answers[2].body.plays], [2, 2])
    await assert.rejects(pb.collection("albums").getOne(old.id), { status: 404 })
  })

  test("with files", async () => {
    const pb = await client()
    const old = await pb.collection("albums").create({ photos: [text("one.txt"), text("two.txt")] })
    const batch = pb.createBatch()
    batch.collection("albums").create({ title: "made", cover: png("front.png"), photos: [text("a.txt"), text("b.txt")] })
    batch.collection("albums").update(old.id, { "photos+": text("six.txt") })
    batch.collection("albums").update(old.id, { photos: [old.photos[1], text("ten.txt")] })
    batch.collection("albums").upsert({ id: old.id, photos: text("end.txt") })
    const [made, added, kept_, put] = (await batch.send()).map(({ body }) => body)
    assert.deepEqual(await kept(pb, made, made.cover), PNG)
    assert.equal(made.photos.length, 2)
    assert.deepEqual(stems(added.photos), ["one", "two", "six"])
    assert.deepEqual(stems(kept_.photos), ["two", "ten"])
    assert.deepEqual(stems(put.photos), ["end"])
  })

  test("FormData in a batch", async () => {
    const pb = await client()
    const form = new FormData()
    form.append("title", "from a form")
    form.append("plays", "7")
    form.append("cover", png("front.png"))
    const batch = pb.createBatch()
    batch.collection("albums").create(form)
    const [{ body }] = await batch.send()
    assert.deepEqual([body.title, body.plays], ["from a form", 7])
    assert.match(body.cover, /^front_/)
  })

  test("what a part wants of its answer", async () => {
    const pb = await client("alice")
    const batch = pb.createBatch()
    batch.collection("posts").create({ title: "x", author: ALICE }, { expand: "author", fields: "title,expand.author.name" })
    const answers = await batch.send()
    assert.deepEqual(answers, [{ status: 200, body: { title: "x", expand: { author: { name: "alice" } } } }])
  })

  test("a refusal names its part, and nothing is written", async () => {
    const pb = await client()
    const count = async () => (await pb.collection("albums").getList(1, 1)).totalItems
    const before = await count()
    const batch = pb.createBatch()
    batch.collection("albums").create({ title: "good" })
    batch.collection("albums").create({ title: "x".repeat(21) })
    await assert.rejects(batch.send(), (error) => {
      assert.equal(error.status, 400)
      const part = error.response.data.requests["1"]
      assert.equal(part.code, "batch_request_failed")
      assert.equal(part.response.data.title.code, "validation_max_text_constraint")
      return true
    })
    assert.equal(await count(), before)
  })
})

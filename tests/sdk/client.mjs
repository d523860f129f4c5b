// The SDK as its users have it: nothing here but the address is Hapta's.
import PocketBase from "pocketbase"

export const PASSWORD = "1234567890"
export const ALICE = "alice0000000000"
export const POST_OF_ALICE = "post00000000100"
export const POST_OF_BOB = "post00000000300"

/** A client of the server under test; as one of the demo's people if named. */
export async function client(name) {
  const pb = new PocketBase(process.env.HAPTA_URL)
  pb.autoCancellation(false)
  if (name) {
    await pb.collection("users").authWithPassword(`${name}@example.com`, PASSWORD)
  }
  return pb
}

// What an application adds to the official PocketBase SDK when Hapta is to know it by its key, and to know its
// requests by their signatures (DPoP, RFC 9449). README.md says how it is used, hapta-client.d.ts what it takes.

/** Where browsers keep the keys. */
const DATABASE = "hapta";
const STORE = "keys";

/** NIST P-256, which every browser signs with. The signature is that of ES256. */
const KIND = { name: "ECDSA", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };

/** Has a client of the SDK show the key of its application, and sign its requests. */
export function protect(pb, { key, dpop = true, keys = keysOfBrowser() } = {}) {
  const place = () => new URL(pb.buildURL("/")).origin;
  const signer = dpop ? new Signer(keys, place) : undefined;
  const before = pb.beforeSend;
  pb.beforeSend = async (sentTo, given) => {
    const { url, options } = await hooked(before, pb, sentTo, given);
    // Another hook may lead elsewhere: there nobody is to see any of it.
    if (new URL(url).origin !== place()) return { url, options };
    const headers = plain(options.headers);
    if (key) set(headers, "X-Hapta-Key", key);
    if (signer) set(headers, "DPoP", await signer.prove(options.method ?? "GET", url, token(headers)));
    return { url, options: { ...options, headers } };
  };
  if (signer) retryWithTheTime(pb, signer);
  return {
    /** What the gateway knows the client by. */
    thumbprint: async () => signer && thumbprint((await signer.pair()).publicKey),
    /** Gives up the key, and with it every session that is bound to it. */
    forget: async () => keys.delete(place()),
  };
}

/** Keys in IndexedDB, from which they come out as keys and not as bytes; where there is none, in memory. */
export function keysOfBrowser() {
  return globalThis.indexedDB ? new StoredKeys() : new KeysInMemory();
}

/** Keys that are gone with the page or the process. */
export class KeysInMemory {
  #pairs = new Map();

  async get(place) {
    return this.#pairs.get(place);
  }

  async add(place, pair) {
    if (!this.#pairs.has(place)) this.#pairs.set(place, pair);
    return this.#pairs.get(place);
  }

  async delete(place) {
    this.#pairs.delete(place);
  }
}

/** The keys of a page's origin, which its windows share. */
class StoredKeys {
  #opened;

  get(place) {
    return this.#within("readonly", (store) => asked(store.get(place)));
  }

  /** Of two windows that make one at the same time, both get the first. */
  add(place, pair) {
    return this.#within("readwrite", async (store) => {
      const kept = await asked(store.get(place));
      if (!kept) await asked(store.put(pair, place));
      return kept ?? pair;
    });
  }

  delete(place) {
    return this.#within("readwrite", (store) => asked(store.delete(place)));
  }

  /** What could not be opened, or was closed since by the browser, is opened anew the next time. */
  async #open() {
    const again = () => (this.#opened = undefined);
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    try {
      const database = await asked(request);
      database.onclose = again;
      return database;
    } catch (error) {
      again();
      throw error;
    }
  }

  async #within(mode, work) {
    const database = await (this.#opened ??= this.#open());
    return work(database.transaction(STORE, mode).objectStore(STORE));
  }
}


function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** A key, and the proofs that it makes. */
class Signer {
  /** What the clock here has to be put forward by, in seconds. */
  behind = 0;

  constructor(keys, place) {
    Object.assign(this, { keys, place });
  }

  /** Looked up each time: another window may have given it up. */
  async pair() {
    const kept = await this.keys.get(this.place());
    if (kept) return kept;
    // The private half can be used, and read by nobody.
    return this.keys.add(this.place(), await crypto.subtle.generateKey(KIND, false, ["sign", "verify"]));
  }

  async prove(method, url, token) {
    const { privateKey, publicKey } = await this.pair();
    const { origin, pathname } = new URL(url);
    const claims = {
      jti: encode(crypto.getRandomValues(new Uint8Array(16))),
      htm: method,
      htu: origin + pathname,
      iat: seconds() + this.behind,
      ...(token && { ath: await hash(token) }),
    };
    const header = { typ: "dpop+jwt", alg: "ES256", jwk: await exported(publicKey) };
    const signed = [header, claims].map((part) => encode(bytes(JSON.stringify(part)))).join(".");
    const signature = await crypto.subtle.sign(SIGNATURE, privateKey, bytes(signed));
    return `${signed}.${encode(new Uint8Array(signature))}`;
  }

  /** Takes the gateway's time for the right one. */
  setTime(now) {
    this.behind = now - seconds();
  }
}

/** Where the clock here is wrong, the gateway says what time it is, and the request is sent once more. */
function retryWithTheTime(pb, signer) {
  const send = pb.send;
  pb.send = async (path, options) => {
    try {
      return await send.call(pb, path, options);
    } catch (error) {
      const told = error?.response?.data?.["@gateway"];
      if (told?.code !== "proof_time") throw error;
      signer.setTime(told.now);
      return send.call(pb, path, options);
    }
  };
}

/** What a hook that was there before makes of a request: whatever the SDK takes from one. */
async function hooked(hook, pb, url, options) {
  const changed = { ...(await hook?.call(pb, url, options)) };
  if (changed.url !== undefined || changed.options !== undefined) {
    return { url: changed.url || url, options: changed.options || options };
  }
  return { url, options: Object.keys(changed).length ? changed : options };
}

function plain(headers) {
  return Object.fromEntries(headers instanceof Headers ? headers : Object.entries(headers ?? {}));
}

/** Sets a header that may be there in another spelling. */
function set(headers, name, value) {
  for (const other of Object.keys(headers)) {
    if (other.toLowerCase() === name.toLowerCase()) delete headers[other];
  }
  headers[name] = value;
}

/** The token that is sent along, without the word before it. */
function token(headers) {
  const [, value] = Object.entries(headers).find(([name]) => name.toLowerCase() === "authorization") ?? [];
  return value?.split(" ").pop();
}

/** RFC 7638: a hash of the members that make the key, in the order of their names. */
async function thumbprint(publicKey) {
  const { crv, kty, x, y } = await exported(publicKey);
  return hash(JSON.stringify({ crv, kty, x, y }));
}

async function exported(publicKey) {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  return { kty, crv, x, y };
}

async function hash(text) {
  return encode(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes(text))));
}

function bytes(text) {
  return new TextEncoder().encode(text);
}

/** Base64 for addresses, without padding. */
function encode(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function seconds() {
  return Math.floor(Date.now() / 1000);
}

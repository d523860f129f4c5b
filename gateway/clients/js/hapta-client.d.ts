import type PocketBase from "pocketbase";

/** Where keys are kept: one for each gateway, by its origin. */
export interface Keys {
  get(place: string): Promise<CryptoKeyPair | undefined>;
  /** Keeps it unless there is one; the one that is kept then. */
  add(place: string, pair: CryptoKeyPair): Promise<CryptoKeyPair>;
  delete(place: string): Promise<void>;
}

export interface Protection {
  /** The key of the application, for `[application] keys` of the gateway. */
  key?: string;
  /** Whether requests are signed (DPoP). By default they are. */
  dpop?: boolean;
  /** Where the client's key is kept; by default {@link keysOfBrowser}. */
  keys?: Keys;
}

export interface Protected {
  /** What the gateway knows the client by: RFC 7638, in base64url. None where requests are not signed. */
  thumbprint(): Promise<string | undefined>;
  /** Gives up the key. Sessions that are bound to it are worth nothing then, so log out before. */
  forget(): Promise<void>;
}

/**
 * Has a client of the SDK show the key of its application, and sign its requests. A `beforeSend` that the client has
 * already is asked first; set none afterwards, or call the one that is there.
 */
export function protect(pb: PocketBase, protection?: Protection): Protected;

/** Keys in IndexedDB, from which they come out as keys and not as bytes; where there is none, in memory. */
export function keysOfBrowser(): Keys;

/** Keys that are gone with the page or the process. */
export class KeysInMemory implements Keys {
  get(place: string): Promise<CryptoKeyPair | undefined>;
  add(place: string, pair: CryptoKeyPair): Promise<CryptoKeyPair>;
  delete(place: string): Promise<void>;
}

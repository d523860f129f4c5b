// An OIDC provider on loopback: anybody who names themselves has an account.
//
// NAME logs in with any password and is {"sub": "NAME", "email": "NAME@provider.example"}, with a picture that is
// served here. One client, told by the environment: CLIENT_ID, CLIENT_SECRET and REDIRECT_URIS (with spaces between
// them). It has to prove itself by PKCE.
// The first line of standard output says where it listens, {"address": "127.0.0.1:3000"}; every other tells of an
// exchange, {"exchanged": true or false, "client": ..., "login": ..., "reason": ...}.
import { generateKeyPairSync, randomBytes } from "node:crypto"
import { createServer } from "node:http"

import Provider from "oidc-provider"

const { CLIENT_ID, CLIENT_SECRET, REDIRECT_URIS } = process.env

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==",
  "base64",
)

const account = (address, name) => ({
  accountId: name,
  claims: () => ({
    sub: name,
    email: `${name}@provider.example`,
    email_verified: true,
    name: `${name} of the provider`,
    picture: `http://${address}/pictures/${encodeURIComponent(name)}.png`,
  }),
})

const configuration = (address) => ({
  clients: [
    {
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      redirect_uris: REDIRECT_URIS.split(" "),
      id_token_signed_response_alg: "ES256",
    },
  ],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "picture"] },
  cookies: { keys: [randomBytes(16).toString("hex")] },
  // Its pages: a form to log in, a form to consent.
  features: { devInteractions: { enabled: true } },
  findAccount: (_context, name) => account(address, name),
  jwks: { keys: [generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" })] },
  pkce: { required: () => true },
  // In seconds, longer than any test.
  ttl: { AccessToken: 600, AuthorizationCode: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
})

const server = createServer()
server.listen(0, "127.0.0.1", () => {
  const address = `127.0.0.1:${server.address().port}`
  const provider = new Provider(`http://${address}`, configuration(address))
  provider.on("grant.success", ({ oidc }) => {
    tell({ exchanged: true, client: oidc.client?.clientId, login: oidc.account?.accountId })
  })
  provider.on("grant.error", ({ oidc }, error) => {
    tell({ exchanged: false, client: oidc.client?.clientId, reason: error.error_detail ?? error.message })
  })
  provider.on("server_error", (_context, error) => console.error(error))
  const answer = provider.callback()
  server.on("request", (request, response) => {
    if (request.url.startsWith("/pictures/")) {
      response.writeHead(200, { "Content-Type": "image/png" }).end(png)
    } else {
      answer(request, response)
    }
  })
  tell({ address })
})

// A mail server on loopback that delivers nothing: each mail becomes a line of JSON on standard output.
//
// The first line says where it listens, {"address": "127.0.0.1:2525", "mails": "http://127.0.0.1:8025/"}; every other
// is a mail, {"to", "subject", "text", "html"}. GET on `mails` with ?to=ADDRESS answers the same, each mail once, and
// waits for it.
import { once } from "node:events"
import { createServer } from "node:http"

import { simpleParser } from "mailparser"
import { SMTPServer } from "smtp-server"

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

/** What nobody asked for yet, and who asks for what has not come. */
const mails = []
const waiting = []

function arrived(mail) {
  tell(mail)
  mails.push(mail)
  hand()
}

function hand() {
  for (const asks of [...waiting]) {
    const at = mails.findIndex((mail) => mail.to === asks.to)
    if (at >= 0) {
      waiting.splice(waiting.indexOf(asks), 1)
      asks.response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(...mails.splice(at, 1)))
    }
  }
}

const smtp = new SMTPServer({
  // As a relay on loopback: neither TLS nor a login, whatever the client would like.
  disabledCommands: ["AUTH", "STARTTLS"],
  disableReverseLookup: true,
  onData(stream, session, done) {
    simpleParser(stream)
      .then(({ subject, text, html }) => {
        for (const { address } of session.envelope.rcptTo) {
          arrived({ to: address, subject, text: text ?? "", html: html || "" })
        }
        done()
      })
      .catch(done)
  },
})
smtp.on("error", (error) => console.error(error))

const http = createServer((request, response) => {
  waiting.push({ to: new URL(request.url, "http://mails").searchParams.get("to"), response })
  hand()
})

smtp.listen(0, "127.0.0.1")
http.listen(0, "127.0.0.1")
await Promise.all([once(smtp.server, "listening"), once(http, "listening")])
tell({ address: `127.0.0.1:${smtp.server.address().port}`, mails: `http://127.0.0.1:${http.address().port}/` })

// A JSON echo on npm's `ws` that misbehaves in one way: node server.cjs MODE [--address A] [--tokens FILE].
// It prints its port as soon as it listens, and ends with SIGTERM. What each mode does is in `tests/kit/servers.py`.
'use strict'

const fs = require('node:fs')
const http = require('node:http')
const { parseArgs } = require('node:util')
const { Sender, WebSocketServer } = require('ws')

// After the budget of a request and before the end of what is waited for behind it; and longer than both.
const LATE_MS = 2500
const TOO_LATE_MS = 8000

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { address: { type: 'string', default: '127.0.0.1' }, tokens: { type: 'string' } }
})
const mode = positionals[0]

function echo (session, text) {
  session.send(text)
}

function masked (session, text) {
  const options = { fin: true, opcode: 1, mask: true, readOnly: true, rsv1: false }
  session._socket.write(Buffer.concat(Sender.frame(Buffer.from(text), options)))
}

let asked = 0
function everySecondAfter (delayMs) {
  return (session, text) => {
    asked += 1
    if (asked % 2 === 0) echo(session, text)
    else setTimeout(() => { if (session.readyState === session.OPEN) echo(session, text) }, delayMs)
  }
}

const MODES = {
  echo: { reply: echo, pong: 'same' },
  empty_pongs: { reply: echo, pong: 'empty' },
  no_pongs: { reply: echo, pong: 'none' },
  masked: { reply: masked, pong: 'same' },
  late: { reply: everySecondAfter(LATE_MS), pong: 'same' },
  late_empty_pongs: { reply: everySecondAfter(TOO_LATE_MS), pong: 'empty' },
  late_no_pongs: { reply: everySecondAfter(TOO_LATE_MS), pong: 'none' }
}
const { reply, pong } = MODES[mode]

const server = http.createServer((request, response) => response.writeHead(404).end())
const sessions = new WebSocketServer({ server, path: '/ws', autoPong: pong === 'same' })
sessions.on('connection', (session, request) => {
  const token = (request.headers.authorization || '').replace(/^Bearer /, '')
  if (values.tokens && token) fs.appendFileSync(values.tokens, `${token}\n`)
  session.on('message', (data) => reply(session, data.toString()))
  if (pong === 'empty') session.on('ping', () => session.pong())
  session.on('error', () => session.terminate())
})
server.listen(0, values.address, () => console.log(server.address().port))
process.on('SIGTERM', () => process.exit(0))

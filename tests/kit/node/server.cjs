// A JSON echo on npm's `ws` that misbehaves in one way: node server.cjs MODE [--address A] [--tokens FILE].
// It prints its port as soon as it listens, and ends with SIGTERM. What each mode does is in `tests/kit/servers.py`.
'use strict'

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const http = require('node:http')
const { parseArgs } = require('node:util')
const { Sender, WebSocketServer } = require('ws')

// After the budget of a request and before the end of what is waited for behind it; and longer than both.
const LATE_MS = 2500
const TOO_LATE_MS = 8000
// Of requests.
const ONE_IN = 10
// The process is stopped so long after its first session, for so long.
const STOPS_AFTER_MS = 15000
const STOPS_FOR_S = 12
// What a request takes, so that the acknowledgement does not wait for its answer (a delayed one comes after 40 ms).
const SLOW_MS = 80
const SLOWER_MS = 1000

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { address: { type: 'string', default: '127.0.0.1' }, tokens: { type: 'string' } }
})
const mode = positionals[0]

function echo (session, text) {
  session.send(text)
}

// What comes as text is given to the application as bytes, and bytes go out as binary.
function binary (session, text) {
  session.send(Buffer.from(text))
}

function masked (session, text) {
  const options = { fin: true, opcode: 1, mask: true, readOnly: true, rsv1: false }
  session._socket.write(Buffer.concat(Sender.frame(Buffer.from(text), options)))
}

let asked = 0
function butOne (session, text) {
  asked += 1
  if (asked % ONE_IN !== 0) echo(session, text)
}

// From this request on a session gets neither answers nor pongs.
const LAST = 50
function dies (session, text) {
  session.asked = (session.asked || 0) + 1
  if (session.asked < LAST) echo(session, text)
  else session.removeAllListeners('ping')
}

let stops = false
function stopsOnce (session, text) {
  if (!stops) {
    stops = true
    setTimeout(() => {
      spawn('sh', ['-c', `sleep ${STOPS_FOR_S}; kill -CONT ${process.pid}`], { stdio: 'ignore' })
      process.kill(process.pid, 'SIGSTOP')
    }, STOPS_AFTER_MS)
  }
  echo(session, text)
}

function after (delayMs) {
  return (session, text) => {
    setTimeout(() => { if (session.readyState === session.OPEN) echo(session, text) }, delayMs)
  }
}

function everySecondAfter (delayMs) {
  const late = after(delayMs)
  return (session, text) => {
    asked += 1
    if (asked % 2 === 0) echo(session, text)
    else late(session, text)
  }
}

const MODES = {
  echo: { reply: echo, pong: 'same' },
  empty_pongs: { reply: echo, pong: 'empty' },
  no_pongs: { reply: echo, pong: 'none' },
  binary: { reply: binary, pong: 'same' },
  masked: { reply: masked, pong: 'same' },
  slow: { reply: after(SLOW_MS), pong: 'same' },
  slower: { reply: after(SLOWER_MS), pong: 'same' },
  mute: { reply: butOne, pong: 'same' },
  dies: { reply: dies, pong: 'while it lives' },
  stops: { reply: stopsOnce, pong: 'same' },
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
  if (pong === 'while it lives') session.on('ping', (data) => session.pong(data))
  if (pong === 'empty') session.on('ping', () => session.pong())
  session.on('error', () => session.terminate())
})
server.listen(0, values.address, () => console.log(server.address().port))
process.on('SIGTERM', () => process.exit(0))

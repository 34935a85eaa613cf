// A server on npm's ws with JSON messages of its own: says hello first, names types `kind` and ids `ref`, tells news.
'use strict'

const http = require('node:http')
const { WebSocketServer } = require('ws')
const { listen, mode, shown } = require('./speaker.cjs')

const NEWS_MS = 300

const server = http.createServer((request, response) => response.writeHead(404).end())
new WebSocketServer({ server, path: '/ws' }).on('connection', (session, request) => {
  const send = (message) => session.send(JSON.stringify(message))
  shown(request.headers.authorization || '')
  if (mode !== 'first_message') send({ kind: 'hello', version: 3 })
  session.on('message', (data) => {
    const { kind, ref, token } = JSON.parse(data.toString())
    if (kind === 'auth') {
      shown(token)
      send({ kind: 'hello', version: 3 })
    } else if (kind === 'news' && mode === 'silent') {
      // Never answered.
    } else if (kind === 'unknown') {
      send({ kind: 'error', ref, message: 'no such message' })
    } else {
      send({ kind: `${kind}_done`, ref })
    }
  })
  const telling = setInterval(() => send({ kind: 'told' }), NEWS_MS)
  session.on('close', () => clearInterval(telling))
  session.on('error', () => session.terminate())
})
listen(server)

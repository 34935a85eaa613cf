// A Socket.IO server: npm's socket.io, whose events are acknowledged, and which sends some by itself.
'use strict'

const http = require('node:http')
const { Server } = require('socket.io')
const { listen, mode, shown } = require('./speaker.cjs')

// Often enough that a short session is pinged, and told something.
const PING_MS = 1000
const NEWS_MS = 300

const server = http.createServer((request, response) => response.writeHead(404).end())
const io = new Server(server, { pingInterval: PING_MS, pingTimeout: PING_MS })
io.use((socket, next) => {
  shown(String(socket.handshake.auth.token || socket.handshake.headers.authorization || ''))
  next(mode === 'refuse' ? new Error('not authorized') : undefined)
})
io.on('connection', (socket) => {
  socket.on('hello', (content, acknowledge) => acknowledge(content))
  socket.on('news', (content, acknowledge) => { if (mode !== 'silent') acknowledge(content) })
  socket.emit('picture', Buffer.from([1, 2, 3]))
  const telling = setInterval(() => socket.emit('told', Date.now()), NEWS_MS)
  socket.on('disconnect', () => clearInterval(telling))
})
listen(server)

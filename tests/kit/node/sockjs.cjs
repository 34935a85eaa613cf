// A SockJS server: npm's sockjs, with JSON texts in its messages.
'use strict'

const http = require('node:http')
const sockjs = require('sockjs')
const { listen, mode, shown } = require('./speaker.cjs')

const server = http.createServer((request, response) => response.writeHead(404).end())
const sessions = sockjs.createServer({ prefix: '/chat', log: () => {} })
sessions.on('connection', (session) => {
  session.on('data', (text) => {
    if (mode !== 'silent' || JSON.parse(text).op !== 'news') session.write(text)
  })
})
server.prependListener('upgrade', (request) => shown(request.headers.authorization || ''))
sessions.installHandlers(server)
listen(server)

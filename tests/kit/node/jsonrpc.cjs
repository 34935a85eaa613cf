// A JSON-RPC 2.0 server: npm's rpc-websockets.
'use strict'

const http = require('node:http')
const { Server } = require('rpc-websockets')
const { listen, mode, shown } = require('./speaker.cjs')

const server = http.createServer((request, response) => response.writeHead(404).end())
server.prependListener('upgrade', (request) => shown(request.headers.authorization || ''))
// A path is a namespace of its own.
const PATH = '/ws'
const rpc = new Server({ server, path: PATH })
rpc.register('hello', () => 'world', PATH)
rpc.register('news', () => mode === 'silent' ? new Promise(() => {}) : 'none', PATH)
rpc.register('refused', () => 'nothing', PATH).protected()
listen(server)

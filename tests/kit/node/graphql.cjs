// A GraphQL server: npm's graphql-ws on npm's ws, as its README has it.
'use strict'

const http = require('node:http')
const { buildSchema } = require('graphql')
const { useServer } = require('graphql-ws/use/ws')
const { WebSocketServer } = require('ws')
const { listen, mode, shown } = require('./speaker.cjs')

const schema = buildSchema('type Query { hello: String, news: String }')
const roots = {
  query: {
    hello: () => 'world',
    news: () => mode === 'silent' ? new Promise(() => {}) : 'none'
  }
}

const server = http.createServer((request, response) => response.writeHead(404).end())
const sockets = new WebSocketServer({ server, path: '/ws' })
useServer({
  schema,
  roots,
  onConnect: ({ connectionParams, extra }) => {
    shown(String((connectionParams || {}).Authorization || extra.request.headers.authorization || ''))
    return mode !== 'refuse'
  }
}, sockets)
listen(server)

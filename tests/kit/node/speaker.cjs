// What the servers with a protocol of their own share: node <server>.cjs MODE [--address A] [--tokens FILE].
// Each prints its port as soon as it listens, and ends with SIGTERM. What each mode does is in `tests/kit/servers.py`.
'use strict'

const fs = require('node:fs')
const { parseArgs } = require('node:util')

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { address: { type: 'string', default: '127.0.0.1' }, tokens: { type: 'string' } }
})

// Each credential that is offered is written down, a line each.
function shown (token) {
  if (values.tokens && token) fs.appendFileSync(values.tokens, `${token.replace(/^Bearer /, '')}\n`)
}

function listen (server) {
  server.listen(0, values.address, () => console.log(server.address().port))
  process.on('SIGTERM', () => process.exit(0))
}

module.exports = { address: values.address, listen, mode: positionals[0], shown }

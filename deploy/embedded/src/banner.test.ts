import { expect, test } from 'vitest'
import { banner } from './banner.ts'

const connection = {
  http: 'http://127.0.0.1:9000',
  grpc: '127.0.0.1:9090',
  nats: 'nats://127.0.0.1:4222',
  region: 'us-east-1',
  accountId: '000000000000',
  accessKeyId: 'AKIA',
  secretAccessKey: 'the-secret',
  natsCreds: '/d/creds/000000000000.creds',
}
const choices = [{ what: 'sandbox', chosen: 'oci', why: 'runc was found' }]

test('choices, credentials and a line for each door, without the secret', () => {
  const text = banner({ connection, dataDir: "/it's", choices, hasHello: true, colours: false })
  expect(text).toContain('  sandbox  oci  runc was found\n')
  expect(text).toContain(`eval "$(npx weft env --data-dir '/it'\\''s')"`)
  for (const door of ['lambda invoke', 'examples/grpc-client', 'examples/nats-client', '/readyz', 'admin account list'])
    expect(text).toContain(door)
  expect(text).not.toContain('create-function')
  expect(text).not.toContain('the-secret')
})

test('without the function the first line creates it', () => {
  expect(banner({ connection, dataDir: '/d', choices, hasHello: false, colours: true })).toContain('create-function')
})

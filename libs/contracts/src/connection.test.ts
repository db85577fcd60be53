import { expect, it } from 'vitest'
import { parseConnection } from './connection.ts'

const whole = {
  http: 'http://127.0.0.1:9000',
  grpc: '127.0.0.1:9001',
  nats: 'nats://127.0.0.1:4222',
  region: 'us-east-1',
  accountId: '000000000000',
  accessKeyId: 'AKIAEXAMPLE',
  secretAccessKey: 'secret',
  natsCreds: '/var/lib/weft/weft.creds',
}

it('reads what a fabric writes and ignores members it does not know', () => {
  expect(parseConnection(JSON.stringify({ ...whole, pid: 1 }))).toEqual({ ok: true, value: whole })
})

it('says what is missing', () => {
  const { grpc: _, ...rest } = whole
  expect(parseConnection(JSON.stringify(rest))).toEqual({ ok: false, error: 'has no grpc' })
  expect(parseConnection('{')).toEqual({ ok: false, error: 'is not JSON' })
  expect(parseConnection('[]')).toEqual({ ok: false, error: 'has no http' })
  expect(parseConnection('null')).toEqual({ ok: false, error: 'is not a JSON object' })
})

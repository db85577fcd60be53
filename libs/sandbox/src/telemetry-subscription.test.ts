import { describe, expect, test } from 'vitest'
import { parseSubscription } from './telemetry-subscription.ts'

const http = { protocol: 'HTTP', URI: 'http://sandbox.localdomain:4243/telemetry?x=1' }
const parse = (body: unknown, api: 'telemetry' | 'logs' = 'telemetry') =>
  parseSubscription(api, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
const good = { schemaVersion: '2022-12-13', types: ['platform', 'function', 'platform'], destination: http }

test('what is not said has the values of AWS', () => {
  expect(parse(good)).toEqual({
    ok: true,
    value: {
      api: 'telemetry',
      schemaVersion: '2022-12-13',
      types: ['platform', 'function'],
      buffering: { maxItems: 10_000, maxBytes: 262_144, timeoutMs: 1_000 },
      destination: { protocol: 'HTTP', port: 4243, path: '/telemetry?x=1', method: 'POST' },
    },
  })
  expect(parse({ types: ['extension'], destination: { protocol: 'TCP', port: 99 } }, 'logs')).toMatchObject({
    value: { api: 'logs', schemaVersion: '2020-08-15', destination: { protocol: 'TCP', port: 99 } },
  })
})

describe('is refused', () => {
  test.each([
    ['no JSON', '{', 'JSON'],
    ['a list', [], 'JSON'],
    ['no schema', { ...good, schemaVersion: undefined }, 'schemaVersion'],
    ['the schema of the other API', { ...good, schemaVersion: '2020-08-15' }, 'schemaVersion'],
    ['no types', { ...good, types: [] }, 'types'],
    ['an unknown type', { ...good, types: ['gossip'] }, 'types'],
    ['too small a buffer', { ...good, buffering: { maxItems: 999 } }, 'maxItems must be a whole number from 1000'],
    ['too large a buffer', { ...good, buffering: { maxBytes: 1_048_577 } }, 'maxBytes'],
    ['too short a time', { ...good, buffering: { timeoutMs: 24 } }, 'timeoutMs'],
    ['a buffer that is none', { ...good, buffering: 7 }, 'buffering'],
    ['no destination', { ...good, destination: undefined }, 'destination'],
    ['another host', { ...good, destination: { protocol: 'HTTP', URI: 'http://169.254.169.254/x' } }, 'localdomain'],
    ['another protocol', { ...good, destination: { protocol: 'HTTP', URI: 'file:///etc/passwd' } }, 'localdomain'],
    ['the Runtime API', { ...good, destination: { protocol: 'TCP', port: 9001 } }, 'port'],
    ['the fabric', { ...good, destination: { protocol: 'HTTP', URI: 'http://sandbox:9002/' } }, 'port'],
    ['another method', { ...good, destination: { ...http, method: 'DELETE' } }, 'method'],
  ])('%s', (_, body, words) => {
    const result = parse(body)
    expect(result.ok ? '' : result.error).toContain(words)
  })
})

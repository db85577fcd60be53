import { expect, test } from 'vitest'
import { findCredential } from './registry-credentials.ts'

const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') })
const config = JSON.stringify({
  auths: {
    'https://index.docker.io/v1/': auth('me:pass:word'),
    'registry.lan:5000': { username: 'u', password: 'p' },
    'tokens.example': { identitytoken: 'refresh', ...auth('<token>:') },
    'plain.example': { registrytoken: 'abc' },
    'empty.example': {},
  },
  credsStore: 'desktop',
})

test('credentials are found by registry, whichever way it is written', () => {
  expect(findCredential(config, 'docker.io')).toEqual({ kind: 'password', username: 'me', password: 'pass:word' })
  expect(findCredential(config, 'registry.lan:5000')).toEqual({ kind: 'password', username: 'u', password: 'p' })
  expect(findCredential(config, 'tokens.example')).toEqual({ kind: 'identity-token', token: 'refresh' })
  expect(findCredential(config, 'plain.example')).toEqual({ kind: 'registry-token', token: 'abc' })
  expect(findCredential(config, 'empty.example')).toBe(undefined)
  expect(findCredential(config, 'registry.lan')).toBe(undefined)
  expect(findCredential('{}', 'docker.io')).toBe(undefined)
})

test.each(['', '[]', 'null', '{"auths":[]}', '{"auths":{"a.example":"x"}}'])('%j is no such file', (text) => {
  expect(() => findCredential(text, 'a.example')).toThrow()
})

import { expect, test } from 'vitest'
import { findCredential } from './registry-credentials.ts'

const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') })
const config = JSON.stringify({
  auths: {
    'https://index.docker.io/v1/': auth('me:pass:word'),
    'registry.lan:5000': { username: 'u', password: 'p' },
    'registry.lan:5000/team': { username: 'team', password: 'p' },
    'registry.lan:5000/team/shop': { username: 'shop', password: 'p' },
    'tokens.example': { identitytoken: 'refresh', ...auth('<token>:') },
    'plain.example': { registrytoken: 'abc' },
    'empty.example': {},
  },
  credsStore: 'desktop',
})
const find = (registry: string, repository = 'app') => findCredential(config, registry, repository)

test('credentials are found by registry, whichever way it is written', () => {
  expect(find('docker.io', 'library/ubuntu')).toEqual({ kind: 'password', username: 'me', password: 'pass:word' })
  expect(find('registry.lan:5000')).toEqual({ kind: 'password', username: 'u', password: 'p' })
  expect(find('tokens.example')).toEqual({ kind: 'identity-token', token: 'refresh' })
  expect(find('plain.example')).toEqual({ kind: 'registry-token', token: 'abc' })
  expect(find('empty.example')).toBe(undefined)
  expect(find('registry.lan')).toBe(undefined)
  expect(findCredential('{}', 'docker.io', 'app')).toBe(undefined)
})

test('those for a part of a registry come before those for all of it', () => {
  const user = (repository: string) => (find('registry.lan:5000', repository) as { username?: string }).username
  expect(user('team/shop')).toBe('shop')
  expect(user('team/shop/till')).toBe('shop')
  expect(user('team/shopping')).toBe('team')
  expect(user('teams/shop')).toBe('u')
})

test.each(['', '[]', 'null', '{"auths":[]}', '{"auths":{"a.example":"x"}}'])('%j is no such file', (text) => {
  expect(() => findCredential(text, 'a.example', 'app')).toThrow()
})

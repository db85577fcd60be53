import { expect, test } from 'vitest'
import { parseChallenge } from './challenge.ts'

test('challenges of registries', () => {
  expect(parseChallenge('Basic realm="x"')).toEqual({ scheme: 'basic' })
  expect(
    parseChallenge('Bearer realm="https://auth.example/token",service="reg.example",scope="repository:a/b:pull,push"'),
  ).toEqual({
    ...{ scheme: 'bearer', realm: 'https://auth.example/token', service: 'reg.example' },
    scope: 'repository:a/b:pull,push',
  })
  expect(parseChallenge('bearer realm=https://auth.example/t, service="a \\"b\\""')).toEqual({
    ...{ scheme: 'bearer', realm: 'https://auth.example/t', service: 'a "b"' },
  })
})

test.each([
  undefined,
  '',
  'Bearer',
  'Bearer realm="nowhere"',
  'Digest realm="x"',
  'Bearerrealm="https://a/"',
  '=',
  '"',
])('%j asks for nothing that can be shown', (header) => {
  expect(parseChallenge(header)).toBe(undefined)
})

test('a long header is read in one go', () => {
  const words = 'a'.repeat(1_000_000)
  expect(parseChallenge(`Bearer ${words} realm="https://auth.example/"`)).toMatchObject({ scheme: 'bearer' })
})

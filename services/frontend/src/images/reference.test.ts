import { expect, test } from 'vitest'
import { parseImageReference, resolvedUri } from './reference.ts'

const digest = 'a'.repeat(64)

test.each([
  ['ubuntu', 'docker.io', 'library/ubuntu', 'latest'],
  ['team/app:1.2', 'docker.io', 'team/app', '1.2'],
  ['docker.io/ubuntu', 'docker.io', 'library/ubuntu', 'latest'],
  ['localhost/app', 'localhost', 'app', 'latest'],
  ['localhost:5000/app:v1', 'localhost:5000', 'app', 'v1'],
  ['[::1]:5000/app', '[::1]:5000', 'app', 'latest'],
  ['Registry.Example.com/a/b__c/d-e:T_1', 'registry.example.com', 'a/b__c/d-e', 'T_1'],
  [`public.ecr.aws/lambda/nodejs:22@sha256:${digest}`, 'public.ecr.aws', 'lambda/nodejs', `sha256:${digest}`],
  [
    `123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:${digest}`,
    '123456789012.dkr.ecr.us-east-1.amazonaws.com',
    'app',
    `sha256:${digest}`,
  ],
])('%s', (uri, registry, repository, version) => {
  expect(parseImageReference(uri)).toEqual({ ok: true, value: { registry, repository, version } })
})

test.each([
  ...['', ' ', 'App', 'a//b', '/a', 'a/', 'a:', 'a:.tag', `a:${'t'.repeat(129)}`, 'a@sha256:12', `a@sha512:${digest}`],
  ...[`a@sha256:${digest.toUpperCase()}`, 'http://host.example/app', 'host.example:99999/app', 'host.example:/app'],
  ...['host..example/app', '-host.example/app', 'user@host.example/app', 'host.example/../etc', 'host.example/app?x=1'],
  ...['host.example/app#x', 'host.example/app\nx', 'host.example/a\0b', `${'a'.repeat(256)}`, 'x'.repeat(100_000)],
  ...['169.254.169.254', '[::1/app', 'host.example/app:tag:tag', 'host.example/ä'],
])('%j is not the name of an image', (uri) => {
  // An address alone is a repository of that name, which has an upper limit of its own.
  if (uri === '169.254.169.254') expect(parseImageReference(uri)).toMatchObject({ value: { registry: 'docker.io' } })
  else expect(parseImageReference(uri)).toEqual({ ok: false, error: 'malformed' })
})

test('a resolved image is named by its digest', () => {
  const image = { registry: 'localhost:5000', repository: 'app', version: 'v1' }
  expect(resolvedUri(image, digest)).toBe(`localhost:5000/app@sha256:${digest}`)
})

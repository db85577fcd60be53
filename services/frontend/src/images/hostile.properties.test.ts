import fc from 'fast-check'
import { expect, test } from 'vitest'
import { descriptor, types } from '../testing/fake-registry.ts'
import { parseChallenge } from './challenge.ts'
import { ImageFailure } from './image-failure.ts'
import { chooseManifest, parseConfig, parseManifest } from './manifest.ts'
import { parseImageReference } from './reference.ts'
import { RegistryAccess } from './registry-access.ts'

/** What a registry sends is read or refused, and nothing else comes of it. */
function readsOrRefuses(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    expect(error).toBeInstanceOf(ImageFailure)
  }
}
const layer = descriptor(types.layer, Buffer.from('x'))
const config = descriptor(types.config, Buffer.from('{}'))
const members = {
  mediaType: fc.oneof(fc.constantFrom(...Object.values(types)), fc.anything()),
  config: fc.oneof(fc.constant(config), fc.anything()),
  layers: fc.oneof(fc.array(fc.oneof(fc.constant(layer), fc.anything())), fc.anything()),
  manifests: fc.oneof(
    fc.array(fc.oneof(fc.constant({ ...layer, platform: { os: 'linux' } }), fc.anything())),
    fc.anything(),
  ),
}
const bodyOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value) ?? '')

test('any manifest and any config', () => {
  fc.assert(
    fc.property(fc.record(members, { requiredKeys: [] }), fc.option(fc.string(), { nil: undefined }), (value, type) => {
      readsOrRefuses(() => {
        const manifest = parseManifest(bodyOf(value), type)
        if (manifest.kind === 'index') chooseManifest(manifest, 'arm64')
      })
    }),
    { numRuns: 500 },
  )
  const about = { os: fc.constant('linux'), architecture: fc.constant('amd64'), config: fc.anything() }
  fc.assert(
    fc.property(fc.oneof(fc.record(about, { requiredKeys: [] }), fc.jsonValue()), (value) => {
      readsOrRefuses(() => parseConfig(bodyOf(value), 'x86_64'))
    }),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => readsOrRefuses(() => parseManifest(Buffer.from(bytes), types.image))),
  )
})

test('any reference is malformed, or leads to its registry and below its repository only', () => {
  const host = fc.oneof(
    fc.domain(),
    fc.ipV4(),
    fc.ipV6().map((ip) => `[${ip}]`),
    fc.string(),
  )
  const name = fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9/._-]{1,20}$/))
  const access = new RegistryAccess([])
  fc.assert(
    fc.property(host, fc.integer({ min: 0, max: 99_999 }), name, fc.string(), (...[where, port, path, tag]) => {
      for (const uri of [`${where}/${path}`, `${where}:${port}/${path}:${tag}`, path, `${where}/${path}@${tag}`]) {
        const parsed = parseImageReference(uri)
        if (!parsed.ok) continue
        const { registry, repository, version } = parsed.value
        const base = access.baseUrl(registry)
        const url = new URL(`/v2/${repository}/manifests/${version}`, base)
        expect(url.origin).toBe(base.origin)
        expect(url.pathname).toBe(`/v2/${repository}/manifests/${version}`)
        expect(url.username + url.password + url.search + url.hash).toBe('')
      }
    }),
    { numRuns: 1_000 },
  )
})

test('any challenge is none, or names a place to ask at', () => {
  const text = fc.oneof(
    fc.string(),
    fc
      .tuple(fc.string(), fc.string(), fc.constantFrom('https://a.example/token?x=1', 'http://[::1]:5000/', 'a'))
      .map(([a, b, url]) => `Bearer ${a}realm="${url}",service="${b}`),
  )
  fc.assert(
    fc.property(text, (header) => {
      const challenge = parseChallenge(header)
      if (challenge?.scheme === 'bearer') expect(URL.canParse(challenge.realm)).toBe(true)
    }),
  )
})

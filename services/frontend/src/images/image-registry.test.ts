import { randomBytes } from 'node:crypto'
import { mkdtempDisposableSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { limits } from '@weft/contracts'
import { type Clock, systemClock } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { generate } from 'selfsigned'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { descriptor, digestOf, FakeRegistry, types } from '../testing/fake-registry.ts'
import type { ImageFailureKind } from './image-failure.ts'
import { type ImageRegistry, type ImageRegistryOptions, openImageRegistry } from './image-registry.ts'
import { credentialsFile } from './registry-credentials.ts'

let registry: FakeRegistry
let opened: ImageRegistry[] = []
beforeEach(async () => {
  registry = await FakeRegistry.start()
})
afterEach(async () => {
  for (const one of opened) one.close()
  opened = []
  await registry[Symbol.asyncDispose]()
})

/** Pauses between tries cost no time; deadlines are the system's. */
const hasty: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic(),
  schedule: (delayMs, fn) => systemClock.schedule(delayMs < 10_000 ? 0 : delayMs, fn),
}

function open(options: Partial<ImageRegistryOptions> = {}): ImageRegistry {
  const images = openImageRegistry({
    ...options,
    listed: options.listed ?? [registry.host],
    clock: options.clock ?? hasty,
  })
  opened.push(images)
  return images
}
const uri = (name: string): string => `${registry.host}/${name}`
const fails = (pending: Promise<unknown>, kind: ImageFailureKind) => expect(pending).rejects.toMatchObject({ kind })
const bytesOf = async (parts: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part)
  return Buffer.concat(all)
}
const never = new AbortController().signal

describe('an image', () => {
  test('is what its tag means now, with what its config says', async () => {
    const layers = [gzipSync('base'), gzipSync('own')]
    const config = {
      Entrypoint: ['/entry.sh'],
      Cmd: ['app.handler'],
      WorkingDir: '/var/task',
      Env: ['A=1', 'B=x=y', 'C'],
    }
    const digest = registry.push('team/app', 'v1', { layers, config })
    expect(await open().resolve(uri('team/app:v1'), 'x86_64')).toEqual({
      ...{ digest, sha256: digest, sizeBytes: Buffer.concat(layers).length },
      image: {
        imageUri: uri('team/app:v1'),
        resolvedImageUri: `${uri('team/app')}@sha256:${digest}`,
        layers: layers.map((blob) => ({ digest: digestOf(blob), sizeBytes: blob.length, compression: 'gzip' })),
        entryPoint: ['/entry.sh'],
        command: ['app.handler'],
        workingDirectory: '/var/task',
        environment: { A: '1', B: 'x=y' },
      },
    })
  })

  test('may be of either kind, and named by its digest', async () => {
    const { dockerImage, dockerConfig, dockerLayer } = types
    const digest = registry.push('app', 'latest', {
      types: { image: dockerImage, config: dockerConfig, layer: dockerLayer },
    })
    expect(await open().resolve(uri('app'), 'x86_64')).toMatchObject({ digest })
    expect(await open().resolve(uri(`app@sha256:${digest}`), 'x86_64')).toMatchObject({
      digest,
      image: { layers: [{}] },
    })
  })

  test('of an index is the one for the architecture; attestations are none', async () => {
    const digests = ['amd64', 'arm64'].map((architecture) => registry.push('app', architecture, { architecture }))
    const manifests = [...digests, digests[0]].map((digest, at) => ({
      ...{ mediaType: types.image, digest: `sha256:${digest}`, size: 1 },
      platform:
        at === 2 ? { os: 'unknown', architecture: 'unknown' } : { os: 'linux', architecture: ['amd64', 'arm64'][at] },
    }))
    registry.putManifest('app', 'both', types.index, {
      schemaVersion: 2,
      mediaType: types.index,
      manifests: manifests.reverse(),
    })
    expect(await open().resolve(uri('app:both'), 'x86_64')).toMatchObject({ digest: digests[0] })
    expect(await open().resolve(uri('app:both'), 'arm64')).toMatchObject({ digest: digests[1] })
    await fails(open().resolve(uri('app:arm64'), 'x86_64'), 'unsupported')
    registry.putManifest('app', 'none', types.index, { schemaVersion: 2, mediaType: types.index, manifests: [] })
    await fails(open().resolve(uri('app:none'), 'arm64'), 'unsupported')
  })

  test('that is not there is missing', async () => {
    registry.push('app', 'v1')
    await fails(open().resolve(uri('app:v2'), 'x86_64'), 'missing')
    await fails(open().resolve(uri('other'), 'x86_64'), 'missing')
    await fails(open().resolve(uri(`app@sha256:${'0'.repeat(64)}`), 'x86_64'), 'missing')
  })
})

describe('a layer', () => {
  const layerOf = (blob: Buffer) => ({ digest: digestOf(blob), sizeBytes: blob.length, compression: 'gzip' as const })
  const read = (blob: Buffer, size = blob.length) =>
    bytesOf(open().layer({ resolvedImageUri: uri('app') }, { ...layerOf(blob), sizeBytes: size }, never))

  test('comes as it is', async () => {
    const blob = randomBytes(3_000_000)
    registry.putBlob(blob)
    expect((await read(blob)).equals(blob)).toBe(true)
  })

  test.each([true, false])('is taken up where the connection broke; ranges: %s', async (ranges) => {
    const blob = randomBytes(1_000_000)
    registry.putBlob(blob)
    let broken = 0
    registry.intrusion = (request, response) => {
      if (!ranges) request.headers.range = undefined
      if (broken === 3) return false
      broken += 1
      const from = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0)
      const head = { 'content-length': blob.length - from }
      response.writeHead(from > 0 ? 206 : 200, head)
      response.write(blob.subarray(from, from + 100_000), () => response.destroy())
      return true
    }
    expect((await read(blob)).equals(blob)).toBe(true)
    expect(registry.requests).toHaveLength(4)
  })

  test('that always breaks is given up', async () => {
    const blob = randomBytes(1_000)
    registry.intrusion = (_request, response) => {
      response.writeHead(200, { 'content-length': 1_000 }).write(blob.subarray(0, 1), () => response.destroy())
      return true
    }
    await fails(read(blob), 'unreachable')
  })

  test('longer than announced is refused before more of it comes', async () => {
    const blob = randomBytes(500_000)
    registry.putBlob(blob)
    await fails(read(blob, 1_000), 'invalid')
  })

  test('that is gone is missing', async () => {
    await fails(read(randomBytes(10)), 'missing')
  })
})

describe('a registry that wants to know who asks', () => {
  const challenge = (response: ServerResponse, header: string): true => {
    response.writeHead(401, { 'www-authenticate': header }).end('{}')
    return true
  }
  const file = (auths: object): string => {
    const path = join(dir.path, 'config.json')
    writeFileSync(path, JSON.stringify({ auths }))
    return path
  }
  const dir = mkdtempDisposableSync(join(tmpdir(), 'weft-registries-'))
  const withCredentials = (entry: object) => open({ credentials: credentialsFile(file({ [registry.host]: entry })) })

  test('by Basic is shown the credentials of the file', async () => {
    registry.push('app', 'latest')
    registry.intrusion = ({ headers }, response) =>
      headers.authorization !== `Basic ${Buffer.from('me:word').toString('base64')}` &&
      challenge(response, 'Basic realm="r"')
    await fails(open().resolve(uri('app'), 'x86_64'), 'denied')
    await fails(withCredentials({ username: 'me', password: 'wrong' }).resolve(uri('app'), 'x86_64'), 'denied')
    expect(await withCredentials({ username: 'me', password: 'word' }).resolve(uri('app'), 'x86_64')).toBeDefined()
  })

  test('by token is asked for one with the wished scope, once', async () => {
    registry.push('team/app', 'latest')
    const tokens = (answer: (request: IncomingMessage) => object) => {
      registry.intrusion = (request, response) => {
        if (request.url?.startsWith('/token')) {
          response.end(JSON.stringify(answer(request)))
          return true
        }
        if (request.headers.authorization === 'Bearer good') return false
        return challenge(response, `Bearer realm="http://${registry.host}/token?a=b",service="reg"`)
      }
    }
    let shown: string | undefined
    tokens(({ headers }) => {
      shown = headers.authorization
      return { token: 'good' }
    })
    expect(await open().resolve(uri('team/app'), 'x86_64')).toBeDefined()
    expect(shown).toBe(undefined)
    expect(registry.requests.filter((one) => one.includes('/token'))).toEqual([
      'GET /token?a=b&service=reg&scope=repository%3Ateam%2Fapp%3Apull',
    ])
    await withCredentials({ auth: Buffer.from('me:word').toString('base64') }).resolve(uri('team/app'), 'x86_64')
    expect(shown).toBe(`Basic ${Buffer.from('me:word').toString('base64')}`)
    tokens(() => ({ access_token: 'good' }))
    await withCredentials({ identitytoken: 'refresh' }).resolve(uri('team/app'), 'x86_64')
    expect(registry.requests.at(-3)).toBe('POST /token?a=b')
    for (const answer of [{}, { token: 'bad' }, { token: 7 }, { token: 'a\nb' }, []]) {
      tokens(() => answer)
      await fails(open().resolve(uri('team/app'), 'x86_64'), 'denied')
    }
  })

  test('in a way that is not spoken denies, and so does a file that is broken', async () => {
    registry.intrusion = (_request, response) => challenge(response, 'Negotiate')
    await fails(open().resolve(uri('app'), 'x86_64'), 'denied')
    registry.intrusion = (_request, response) => challenge(response, 'Basic realm="r"')
    writeFileSync(join(dir.path, 'broken'), '{')
    await fails(
      open({ credentials: credentialsFile(join(dir.path, 'broken')) }).resolve(uri('app'), 'x86_64'),
      'denied',
    )
  })

  test('of whom a token service inside tells is not followed there', async () => {
    registry.intrusion = (_request, response) => challenge(response, 'Bearer realm="http://169.254.169.254/token"')
    await fails(open().resolve(uri('app'), 'x86_64'), 'forbidden')
  })
})

describe('what a tenant could reach for', () => {
  test('registries inside that are not listed are not asked', async () => {
    registry.push('app', 'latest')
    for (const listed of [[], ['other.lan']]) await fails(open({ listed }).resolve(uri('app'), 'x86_64'), 'forbidden')
    // Listed without http, it is asked by TLS only, which it does not speak.
    await fails(open({ listed: [`https://${registry.host}`] }).resolve(uri('app'), 'x86_64'), 'unreachable')
    const { port } = new URL(`http://${registry.host}`)
    await fails(open().resolve(`localhost:${port}/app`, 'x86_64'), 'forbidden')
    expect(registry.requests).toEqual([])
  })

  test('a redirect to an address inside is not followed', async () => {
    await using inside = await FakeRegistry.start()
    registry.push('app', 'latest')
    registry.intrusion = ({ url = '' }, response) => {
      if (!url.includes('/blobs/')) return false
      response.writeHead(307, { location: `http://${inside.host}${url}` }).end()
      return true
    }
    await fails(open().resolve(uri('app'), 'x86_64'), 'forbidden')
    expect(inside.requests).toEqual([])
    // The same redirect, to a registry that is listed; what was shown to the first is not shown there.
    inside.push('app', 'latest')
    let shown: string | undefined = 'nothing asked'
    inside.intrusion = ({ headers }) => {
      shown = headers.authorization
      return false
    }
    const images = open({ listed: [registry.host, inside.host] })
    expect(await images.resolve(uri('app'), 'x86_64')).toBeDefined()
    expect(shown).toBe(undefined)
  })

  test.each(['https://[::1]:1/x', 'file:///etc/passwd', 'gopher://a.example/', 'http://registry.example/'])(
    'a redirect to %s is not followed',
    async (location) => {
      registry.intrusion = (_request, response) => {
        response.writeHead(302, { location }).end()
        return true
      }
      await fails(open().resolve(uri('app'), 'x86_64'), 'forbidden')
    },
  )

  test('redirects have an end', async () => {
    registry.intrusion = ({ url }, response) => {
      response.writeHead(302, { location: `${url}x` }).end()
      return true
    }
    await fails(open().resolve(uri('app'), 'x86_64'), 'unreachable')
    expect(registry.requests).toHaveLength(18)
  })
})

describe('a registry that answers garbage', () => {
  const answers = (status: number, body: string | Buffer, type: string = types.image) => {
    registry.intrusion = ({ url = '' }, response) => {
      if (!url.includes('/manifests/')) return false
      response.writeHead(status, { 'content-type': type }).end(body)
      return true
    }
  }
  const image = (change: object): string => {
    const config = registry.putBlob(Buffer.from('{"os":"linux","architecture":"amd64"}'))
    const layer = descriptor(types.layer, gzipSync('x'))
    return JSON.stringify({
      ...{ schemaVersion: 2, mediaType: types.image, layers: [layer] },
      config: { mediaType: types.config, digest: `sha256:${config}`, size: 37 },
      ...change,
    })
  }
  const layer = descriptor(types.layer, gzipSync('x'))

  test.each<[string, string | Buffer, ImageFailureKind]>([
    ['nothing', '', 'invalid'],
    ['no JSON', '<html>', 'invalid'],
    ['null', 'null', 'invalid'],
    ['a list', '[]', 'invalid'],
    ['bytes', randomBytes(1_000), 'invalid'],
    [
      'an old manifest',
      '{"schemaVersion":1,"mediaType":"application/vnd.docker.distribution.manifest.v1+json"}',
      'unsupported',
    ],
    ['deep nesting', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'invalid'],
  ])('%s', async (_what, body, kind) => {
    answers(200, body)
    await fails(open().resolve(uri('app'), 'x86_64'), kind)
  })

  test.each<[string, object, ImageFailureKind]>([
    ['no config', { config: undefined }, 'invalid'],
    [
      'a config of another kind',
      { config: { ...layer, mediaType: 'application/vnd.cncf.helm.config.v1+json' } },
      'unsupported',
    ],
    ['a config that is too large', { config: { ...layer, mediaType: types.config, size: 5_000_000 } }, 'too-large'],
    ['no layers', { layers: [] }, 'invalid'],
    ['layers that are none', { layers: 'x' }, 'invalid'],
    ['too many layers', { layers: Array(limits.image.layers + 1).fill(layer) }, 'invalid'],
    ['a layer of another kind', { layers: [{ ...layer, mediaType: 'text/plain' }] }, 'unsupported'],
    [
      'a layer from elsewhere',
      { layers: [{ ...layer, mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' }] },
      'unsupported',
    ],
    ['a layer without a size', { layers: [{ ...layer, size: -1 }] }, 'invalid'],
    ['a layer with half a byte', { layers: [{ ...layer, size: 0.5 }] }, 'invalid'],
    ['a layer by another digest', { layers: [{ ...layer, digest: `sha512:${'a'.repeat(128)}` }] }, 'invalid'],
    ['a digest that leads elsewhere', { layers: [{ ...layer, digest: 'sha256:../../../secrets' }] }, 'invalid'],
    ['more than 10 GB', { layers: [{ ...layer, size: limits.image.bytes }, layer] }, 'too-large'],
  ])('%s', async (_what, change, kind) => {
    answers(200, image(change))
    await fails(open().resolve(uri('app'), 'x86_64'), kind)
  })

  test.each<[string, object, ImageFailureKind]>([
    ['no list of words', { config: { Cmd: 'a' } }, 'invalid'],
    ['numbers for words', { config: { Entrypoint: [1] } }, 'invalid'],
    ['a NUL in a word', { config: { Env: ['A=\0'] } }, 'invalid'],
    ['no object', { config: [] }, 'invalid'],
    ['Windows', { os: 'windows' }, 'unsupported'],
    ['another machine', { architecture: 'riscv64' }, 'unsupported'],
    ['16 KB of settings', { config: { Cmd: ['x'.repeat(16_384)] } }, 'too-large'],
  ])('a config with %s', async (_what, change, kind) => {
    const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', ...change }))
    registry.putBlob(config)
    answers(200, image({ config: descriptor(types.config, config) }))
    await fails(open().resolve(uri('app'), 'x86_64'), kind)
  })

  test('a manifest or a config other than its digest says', async () => {
    const digest = registry.push('app', 'latest')
    answers(200, image({}))
    await fails(open().resolve(uri(`app@sha256:${digest}`), 'x86_64'), 'invalid')
    registry.intrusion = ({ url = '' }, response) => {
      if (!url.includes('/blobs/')) return false
      response.end('{"os":"linux","architecture":"amd64","config":null}'.slice(0, 40))
      return true
    }
    await fails(open().resolve(uri('app'), 'x86_64'), 'invalid')
  })

  test('a manifest without end is not read to it', async () => {
    answers(200, Buffer.alloc(limits.image.manifestBytes + 1, ' '))
    await fails(open().resolve(uri('app'), 'x86_64'), 'too-large')
  })

  test.each<[number, ImageFailureKind, number]>([
    [400, 'invalid', 1],
    [403, 'denied', 1],
    [404, 'missing', 1],
    [418, 'invalid', 1],
    [429, 'unreachable', 3],
    [500, 'unreachable', 3],
    [503, 'unreachable', 3],
  ])('status %i', async (status, kind, requests) => {
    answers(status, '')
    await fails(open().resolve(uri('app'), 'x86_64'), kind)
    expect(registry.requests).toHaveLength(requests)
  })
})

test('what passes is tried again', async () => {
  registry.push('app', 'latest')
  let faults = 2
  registry.intrusion = (_request, response) => {
    if (faults-- <= 0) return false
    if (faults === 1) response.destroy()
    else response.writeHead(503).end()
    return true
  }
  expect(await open().resolve(uri('app'), 'x86_64')).toBeDefined()
})

test('a registry that is slow is given up in time', async () => {
  const clock = new FakeClock()
  const asked = Promise.withResolvers<void>()
  registry.intrusion = (_request, response) => {
    response.writeHead(200, { 'content-type': types.image }).write('{')
    asked.resolve()
    return true
  }
  const stop = new AbortController()
  const pending = open({ clock }).resolve(uri('app'), 'x86_64', stop.signal)
  const failed = fails(pending, 'unreachable')
  await asked.promise
  clock.advance(15_000)
  stop.abort()
  await failed
})

test('a registry that is not there is unreachable', async () => {
  const host = registry.host
  await registry[Symbol.asyncDispose]()
  await fails(open({ listed: [host] }).resolve(`${host}/app`, 'x86_64'), 'unreachable')
  registry = await FakeRegistry.start()
})

test('a registry is asked by TLS, with a certificate that is trusted and for its name', async () => {
  const certificate = await generate([{ name: 'commonName', value: 'localhost' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  })
  await using secure = await FakeRegistry.start({ key: certificate.private, cert: certificate.cert })
  secure.push('app', 'latest')
  const { port } = new URL(`http://${secure.host}`)
  const images = open({ listed: [`https://localhost:${port}`, `https://127.0.0.1:${port}`] })
  await fails(images.resolve(`localhost:${port}/app`, 'x86_64'), 'unreachable')
  const trusted = getCACertificates('default')
  setDefaultCACertificates([...trusted, certificate.cert])
  try {
    expect(await images.resolve(`localhost:${port}/app`, 'x86_64')).toBeDefined()
    await fails(images.resolve(`127.0.0.1:${port}/app`, 'x86_64'), 'unreachable')
  } finally {
    setDefaultCACertificates(trusted)
  }
})

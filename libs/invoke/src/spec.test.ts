import { accountId, type FunctionRecord, functionName, type ResolvedFunction, versionKeyOf } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { specOf } from './spec.ts'

const version: FunctionRecord['latest'] = {
  ...{ version: '$LATEST', description: '', runtime: 'nodejs24.x', handler: 'index.handler', role: 'role' },
  ...{ timeoutMs: 3_000, memoryMb: 128, ephemeralStorageMb: 512, environment: {}, architecture: 'x86_64' },
  ...{ logFormat: 'Text', logGroup: '/aws/lambda/f', tracingMode: 'PassThrough', packageType: 'Zip' },
  ...{ code: { digest: 'ab', sha256: 'q', sizeBytes: 1 }, revisionId: 'r1', lastModifiedMs: 0 },
  ...{ state: 'Active', lastUpdateStatus: 'Successful' },
}
const record: FunctionRecord = {
  ...{
    accountId: accountId('123456789012'),
    functionName: functionName('f'),
    createdAtMs: 0,
    tags: {},
    latest: version,
  },
  functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:f',
}
const target = (over: Partial<FunctionRecord> = {}): ResolvedFunction => ({
  ...{ record: { ...record, ...over }, version, invokedArn: record.functionArn },
})
const keyOf = (over: Partial<FunctionRecord> = {}, tenantId?: string): string =>
  specOf(target(over), 'us-east-1', tenantId).sandboxKey
const plain = '123456789012/f/$LATEST/r1'

describe('environments are shared', () => {
  it('by calls of one version', () => {
    expect(keyOf()).toBe(plain)
    expect(specOf(target(), 'us-east-1')).toBe(specOf(target(), 'us-east-1'))
  })

  it('by no two tenants, and by no call without one', () => {
    const keys = ['a', 'b', 'a/b', '../a', 'a b'].map((tenant) => keyOf({ tenancy: 'PER_TENANT' }, tenant))
    expect(new Set([...keys, plain]).size).toBe(6)
    expect(keys.map(versionKeyOf)).toEqual(keys.map(() => plain))
    expect(specOf(target({ tenancy: 'PER_TENANT' }), 'us-east-1', 'a').tenantId).toBe('a')
  })

  it('by calls on one version of the runtime, from the moment it is chosen', () => {
    const pinned = (n: string) => ({
      runtimeManagement: {
        $LATEST: { updateOn: 'Manual', runtimeVersionArn: `arn:aws:lambda:us-east-1::runtime:nodejs24.x:${n}` },
      } as const,
    })
    expect(keyOf()).toBe(plain)
    expect(keyOf(pinned('24.1.0'))).toBe(`${plain}/nodejs24.x:24.1.0`)
    expect(specOf(target(pinned('24.2.0')), 'us-east-1').runtimeVersion).toBe('nodejs24.x:24.2.0')
    expect(keyOf()).toBe(plain)
    expect(versionKeyOf(keyOf(pinned('24.1.0')))).toBe(plain)
  })
})

describe('a container image', () => {
  const layers = [{ digest: 'aa', sizeBytes: 3, compression: 'gzip' as const }]
  const uris = { imageUri: 'reg.lan/i', resolvedImageUri: 'reg.lan/i@sha256:ab' }
  const own = { entryPoint: ['/entry'], command: ['a.handler'], workingDirectory: '/image' }
  const specWith = (image: object, change: Partial<FunctionRecord['latest']> = {}) => {
    const code = { ...version.code, image: { ...uris, layers, ...image } }
    const of = { ...version, packageType: 'Image' as const, runtime: '', handler: '', code, ...change }
    return specOf({ ...target(), version: of }, 'us-east-1')
  }

  it('is run as it says itself', () => {
    expect(specWith(own)).toMatchObject({
      ...{ runtime: 'image', handler: '', layers: [] },
      image: { ...own, layers: [{ digest: 'aa', sizeBytes: 3n, compression: 'gzip' }] },
    })
    expect(specWith({}).image).toMatchObject({ entryPoint: [], command: [], workingDirectory: '' })
  })

  it('is run as the function says where it says anything', () => {
    const other = { entryPoint: ['/other'], command: ['b.handler'], workingDirectory: '/function' }
    expect(specWith(own, { imageConfig: other }).image).toMatchObject(other)
    expect(specWith(own, { imageConfig: { command: ['b.handler'] } }).image).toMatchObject({
      ...own,
      command: ['b.handler'],
    })
  })

  it("has the function's variables over its own", () => {
    const { environment } = specWith({ environment: { A: 'image', B: 'image' } }, { environment: { B: 'function' } })
    expect(environment).toEqual({ A: 'image', B: 'function' })
  })

  it('runs only when it is in the code store', () => {
    for (const state of ['Pending', 'Failed'] as const)
      expect(() => specWith(own, { state })).toThrow('not in the code store')
  })
})

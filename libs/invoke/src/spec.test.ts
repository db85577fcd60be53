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

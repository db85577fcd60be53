import { accountId, type LayerVersion, limits } from '@weft/contracts'
import { expect, test } from 'vitest'
import { describeFunction } from './describe.ts'
import { createFunction, updateFunctionConfiguration } from './functions.ts'
import { checkUnzipped, useLayers } from './layer-use.ts'
import {
  addLayerPermission,
  describeLayerVersion,
  layerPolicyDocument,
  mayUseLayer,
  nameLayer,
  parseLayerVersionArn,
  publishLayerVersion,
  removeLayerPermission,
} from './layers.ts'

const scope = { accountId: accountId('123456789012'), region: 'us-east-1' }
const stranger = accountId('210987654321')
const offer = { runtimes: ['nodejs24.x'], architectures: ['x86_64' as const] }
const prefix = 'arn:aws:lambda:us-east-1:123456789012:layer'
const code = { digest: 'ab', sha256: 'q83v', sizeBytes: 10 }

function layer(layerName: string, version = 1, change: object = {}): LayerVersion {
  const named = { ...scope, layerName }
  const made = publishLayerVersion(named, version, change, { code, unzippedBytes: 100 }, offer, 0)
  if (!made.ok) throw new Error(made.error.message)
  return made.value
}
const shelf = new Map(
  [layer('a', 1), layer('a', 2), layer('b'), { ...layer('theirs'), accountId: stranger }].map((one) => [
    `arn:aws:lambda:us-east-1:${one.accountId}:layer:${one.layerName}:${one.version}`,
    one,
  ]),
)
const use = (...arns: string[]) => useLayers(scope, arns, (arn) => shelf.get(arn), 'arn:aws:iam::123456789012:root')

test('a version shows what it was published with', () => {
  const made = layer('a', 3, {
    Description: 'tools',
    CompatibleRuntimes: ['ruby3.4', 'nodejs24.x'],
    CompatibleArchitectures: ['arm64'],
    LicenseInfo: 'MIT',
  })
  expect(describeLayerVersion('us-east-1', made, 'http://zip')).toEqual({
    LayerArn: `${prefix}:a`,
    LayerVersionArn: `${prefix}:a:3`,
    Version: 3,
    Description: 'tools',
    CreatedDate: '1970-01-01T00:00:00.000+0000',
    CompatibleArchitectures: ['arm64'],
    CompatibleRuntimes: ['ruby3.4', 'nodejs24.x'],
    LicenseInfo: 'MIT',
    Content: { Location: 'http://zip', CodeSha256: 'q83v', CodeSize: 10 },
  })
})

test('a runtime that nobody knows is refused plainly', () => {
  const made = publishLayerVersion(
    { ...scope, layerName: 'a' },
    1,
    { CompatibleRuntimes: ['invalidruntime'] },
    { code, unzippedBytes: 1 },
    offer,
    0,
  )
  expect(made).toMatchObject({ error: { code: 'ValidationException' } })
  expect(made.ok ? '' : made.error.message).toMatch(
    /^1 validation error detected: Value '\[invalidruntime\]' at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy enum value set: \[nodejs24\.x, /,
  )
})

test('a layer is named by name or ARN', () => {
  expect(nameLayer(scope, 'a')).toEqual({ ok: true, value: { ...scope, layerName: 'a' } })
  expect(nameLayer(scope, `arn:aws:lambda:eu-west-1:${stranger}:layer:x`)).toEqual({
    ok: true,
    value: { accountId: stranger, region: 'eu-west-1', layerName: 'x' },
  })
  // Policies speak of ARNs of this partition.
  expect(nameLayer(scope, `${prefix}:a`.replace('arn:aws:', 'arn:aws-cn:'))).toMatchObject({
    error: { message: 'Invalid partition: aws-cn' },
  })
  expect(parseLayerVersionArn(`${prefix}:a:7`.replace('arn:aws:', 'arn:aws-cn:'))).toBeUndefined()
  expect(parseLayerVersionArn(`${prefix}:a:7`)).toEqual({ ...scope, layerName: 'a', version: 7 })
  for (const arn of [`${prefix}:a`, `${prefix}:a:1:2`, `${prefix}:a:x`, 'arn:aws:lambda:::awslayer:x', ''])
    expect(parseLayerVersionArn(arn)).toBeUndefined()
})

test('layers are used in the order of the request', () => {
  const used = use(`${prefix}:b:1`, `${prefix}:a:2`)
  expect(used.ok && used.value.map((one) => one.arn)).toEqual([`${prefix}:b:1`, `${prefix}:a:2`])
  expect(use()).toEqual({ ok: true, value: [] })
})

test.each([
  [[1, 2, 3, 4, 5, 6].map((n) => `${prefix}:a:${n}`), 'Cannot reference more than 5 layers.'],
  [[`${prefix}:a:9`], `Layer version ${prefix}:a:9 does not exist.`],
  [
    [`${prefix}:a:1`, `${prefix}:b:1`, `${prefix}:a:2`],
    `Two different versions of the same layer are not allowed to be referenced in the same function. ${prefix}:a:1 and ${prefix}:a:2 are versions of the same layer.`,
  ],
  [
    [`arn:aws:lambda:eu-west-1:${scope.accountId}:layer:a:1`],
    'Layers are not in the same region as the function. Layers are expected to be in region us-east-1.',
  ],
])('refuses %j', (arns, message) => {
  expect(use(...arns)).toEqual({ ok: false, error: { code: 'InvalidParameterValueException', message } })
})

test("another account's layer is used with its permission alone, and whether it exists is not told", () => {
  const arn = `arn:aws:lambda:us-east-1:${stranger}:layer:theirs:1`
  const denied = use(arn)
  expect(denied).toEqual({
    ok: false,
    error: {
      code: 'AccessDeniedException',
      message: `User: arn:aws:iam::123456789012:root is not authorized to perform: lambda:GetLayerVersion on resource: ${arn} because no resource-based policy allows the lambda:GetLayerVersion action`,
    },
  })
  expect(use(arn.replace('theirs', 'missing'))).toMatchObject({ error: { code: 'AccessDeniedException' } })
  const theirs = shelf.get(arn) as LayerVersion
  const allowed = addLayerPermission(theirs, { StatementId: 's', Principal: scope.accountId }, 'us-east-1', 'r')
  if (!allowed.ok) throw new Error(allowed.error.message)
  expect(mayUseLayer(allowed.value, scope.accountId)).toBe(true)
  expect(mayUseLayer(allowed.value, accountId('999999999999'))).toBe(false)
})

test('permissions are statements of a policy, guarded by its revision', () => {
  const add = (base: LayerVersion, StatementId: string, Principal: string, RevisionId?: string) =>
    addLayerPermission(base, { StatementId, Principal, RevisionId }, 'us-east-1', `after ${StatementId}`)
  const first = add(layer('a'), 'everyone', '*')
  if (!first.ok) throw new Error(first.error.message)
  const both = add(first.value, 'one', stranger, 'after everyone')
  if (!both.ok) throw new Error(both.error.message)
  const common = { Effect: 'Allow', Action: 'lambda:GetLayerVersion', Resource: `${prefix}:a:1` }
  expect(JSON.parse(layerPolicyDocument(both.value))).toEqual({
    Version: '2012-10-17',
    Id: 'default',
    Statement: [
      { ...common, Sid: 'everyone', Principal: '*' },
      { ...common, Sid: 'one', Principal: { AWS: `arn:aws:iam::${stranger}:root` } },
    ],
  })
  expect(add(both.value, 'one', '*')).toMatchObject({
    error: {
      code: 'ResourceConflictException',
      message:
        'The statement id (one) provided already exists. Please provide a new statement id, or remove the existing statement.',
    },
  })
  expect(add(both.value, 'two', '*', 'stale')).toMatchObject({ error: { code: 'PreconditionFailedException' } })
  expect(removeLayerPermission(both.value, 'none', undefined, 'r')).toMatchObject({
    error: { code: 'ResourceNotFoundException', message: 'Statement none is not found in resource policy.' },
  })
  expect(removeLayerPermission(both.value, 'one', 'stale', 'r')).toMatchObject({
    error: { code: 'PreconditionFailedException' },
  })
  const left = removeLayerPermission(both.value, 'one', 'after one', 'r')
  const none = left.ok ? removeLayerPermission(left.value, 'everyone', undefined, 'r') : left
  expect(none).toEqual({ ok: true, value: layer('a') })
})

test('a policy has a largest size', () => {
  let grown = layer('a')
  for (let i = 0; ; i++) {
    const next = addLayerPermission(grown, { StatementId: `statement-${i}`, Principal: '*' }, 'us-east-1', 'r')
    if (!next.ok) {
      expect(next.error.code).toBe('PolicyLengthExceededException')
      expect(i).toBeGreaterThan(50)
      return
    }
    grown = next.value
  }
})

test('code and layers together stay below 250 MB', () => {
  const half = { arn: 'x', digest: 'x', sizeBytes: 1, unzippedBytes: limits.unzippedBytes / 2 }
  expect(checkUnzipped({ ...code, unzippedBytes: half.unzippedBytes }, [half])).toBeUndefined()
  expect(checkUnzipped({ ...code, unzippedBytes: half.unzippedBytes + 1 }, [half])).toMatchObject({
    error: {
      message:
        'Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. The actual size is 262144001 bytes.',
    },
  })
  expect(checkUnzipped(code, [half, half, half])).toMatchObject({
    error: { message: 'Layers consume more than the available size of 262144000 bytes' },
  })
})

test('a function keeps its layers until a request names others', () => {
  const layers = [...shelf.values()].slice(1, 3).map((one) => ({
    arn: `${prefix}:${one.layerName}:${one.version}`,
    digest: one.code.digest,
    sizeBytes: one.code.sizeBytes,
    unzippedBytes: one.unzippedBytes,
  }))
  const input = { FunctionName: 'f', Runtime: 'nodejs24.x', Handler: 'h', Role: 'r' }
  const stamp = { nowMs: 0, revisionId: 'r' }
  const made = createFunction(undefined, input, { code, layers }, scope, offer, stamp)
  if (!made.ok) throw new Error(made.error.message)
  expect(describeFunction(made.value, made.value.latest).Layers).toEqual([
    { Arn: `${prefix}:a:2`, CodeSize: 10 },
    { Arn: `${prefix}:b:1`, CodeSize: 10 },
  ])
  const configure = (wanted: typeof layers | undefined) => {
    const changed = updateFunctionConfiguration(made.value, { FunctionName: 'f' }, wanted, scope, offer, stamp)
    return changed.ok ? changed.value.latest.layers : changed
  }
  expect(configure(undefined)).toEqual(layers)
  expect(configure(layers.slice(1))).toEqual(layers.slice(1))
  expect(configure([])).toBeUndefined()
})

import { accountId, type CodeLocation, type FunctionRecord } from '@weft/contracts'
import { describe, expect, test } from 'vitest'
import { describeFunction, describeListed } from './describe.ts'
import { createFunction, updateFunctionCode, updateFunctionConfiguration } from './functions.ts'
import {
  awaitedCode,
  claimImport,
  endImport,
  endVersionImport,
  type ImportFailure,
  importClaimMs,
  publicationOf,
} from './images.ts'
import type { CreateFunctionInput } from './inputs.ts'
import { recordNamed } from './testing/records.ts'
import { checkPublish, deleteFunction, publish } from './versions.ts'

const scope = { accountId: accountId('123456789012'), region: 'us-east-1' }
const offer = { runtimes: ['nodejs24.x'], architectures: ['x86_64'] as const }
const stamp = (revisionId: string) => ({ nowMs: 1_000, revisionId })
const codeOf = (name: string): CodeLocation => ({
  ...{ digest: name, sha256: name, sizeBytes: 7 },
  image: {
    ...{ imageUri: `reg.lan/${name}`, resolvedImageUri: `reg.lan/${name}@sha256:${name}` },
    layers: [{ digest: `layer of ${name}`, sizeBytes: 7, compression: 'gzip' }],
  },
})
const valued = <T>(result: { ok: true; value: T } | { ok: false; error: { message: string } }): T => {
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}
const create = (change: Partial<CreateFunctionInput> = {}) => {
  const input = {
    FunctionName: 'f',
    Role: 'arn:aws:iam::123456789012:role/r',
    PackageType: 'Image',
    ...change,
  } as const
  return createFunction(undefined, input, { code: codeOf('one') }, scope, offer, stamp('r1'))
}
const update = (record: FunctionRecord, name: string) =>
  updateFunctionCode(
    record,
    { FunctionName: 'f', ImageUri: `reg.lan/${name}` },
    { code: codeOf(name) },
    scope,
    offer,
    stamp(`revision of ${name}`),
  )
const configure = (record: FunctionRecord, change: object) =>
  updateFunctionConfiguration(record, { FunctionName: 'f', ...change }, undefined, scope, offer, stamp('r9'))
const textOf = (result: { ok: boolean; error?: { code: string; message: string } }) => result.error?.message
const active = endImport(valued(create()))
const failure: ImportFailure = { code: 'ImageDeleted', reason: 'It is gone.' }

describe('a function of an image', () => {
  test('is Pending until its image is there', () => {
    const record = valued(create({ ImageConfig: { Command: ['a.b'], EntryPoint: [], WorkingDirectory: '/w' } }))
    expect(awaitedCode(record)).toEqual(codeOf('one'))
    expect(describeFunction(record, record.latest)).toMatchObject({
      ...{ State: 'Pending', StateReason: 'The function is being created.', StateReasonCode: 'Creating' },
      ...{ PackageType: 'Image', CodeSha256: 'one', CodeSize: 0 },
      ImageConfigResponse: { ImageConfig: { Command: ['a.b'], WorkingDirectory: '/w' } },
    })
    const done = endImport(record)
    expect(done).not.toHaveProperty('imageImport')
    const told = describeFunction(done, done.latest)
    expect(told).toMatchObject({ State: 'Active', LastUpdateStatus: 'Successful', RevisionId: 'r1' })
    for (const member of ['Runtime', 'Handler', 'Layers', 'StateReason', 'RuntimeVersionConfig'])
      expect(told).not.toHaveProperty(member)
    expect(describeListed(record, record.latest)).not.toHaveProperty('StateReason')
  })

  test('is Failed when its image cannot be brought, and another image may bring it up', () => {
    const failed = endImport(valued(create()), failure)
    expect(describeFunction(failed, failed.latest)).toMatchObject({
      ...{ State: 'Failed', StateReason: 'It is gone.', StateReasonCode: 'ImageDeleted' },
      ...{ LastUpdateStatus: 'Failed', LastUpdateStatusReasonCode: 'ImageDeleted' },
    })
    expect(textOf(checkPublish(failed, { FunctionName: 'f' }, scope))).toContain('state: Failed')
    const retried = valued(update(failed, 'one'))
    expect(awaitedCode(retried)).toEqual(codeOf('one'))
    const done = endImport(retried)
    expect(done.latest).toMatchObject({ state: 'Active', lastUpdateStatus: 'Successful' })
    expect(done.latest).not.toHaveProperty('stateReason')
    expect(done.latest).not.toHaveProperty('lastUpdateStatusReason')
  })

  test('runs with the image it has while another is on its way, which is what is told', () => {
    const record = valued(update(active, 'two'))
    expect(record.latest.code.digest).toBe('one')
    expect(describeFunction(record, record.latest)).toMatchObject({
      ...{ State: 'Active', LastUpdateStatus: 'InProgress', LastUpdateStatusReasonCode: 'Creating' },
      ...{ CodeSha256: 'two', RevisionId: 'revision of two' },
    })
    const done = endImport(record)
    expect(done.latest).toMatchObject({
      ...{ code: codeOf('two'), revisionId: 'revision of two', state: 'Active', lastUpdateStatus: 'Successful' },
    })
    expect(done.latest).not.toHaveProperty('lastUpdateStatusReasonCode')
    const failed = endImport(record, failure)
    expect(failed.latest).toMatchObject({ code: codeOf('one'), state: 'Active', revisionId: 'r1' })
    expect(failed.latest).toMatchObject({ lastUpdateStatus: 'Failed', lastUpdateStatusReasonCode: 'ImageDeleted' })
    expect(valued(configure(failed, { Timeout: 5 })).latest).not.toHaveProperty('lastUpdateStatusReason')
  })

  test('takes an image it has already at once', () => {
    const record = valued(update(active, 'one'))
    expect(record).not.toHaveProperty('imageImport')
    expect(record.latest).toMatchObject({ revisionId: 'revision of one', lastUpdateStatus: 'Successful' })
  })

  test('changes in nothing else meanwhile', () => {
    const pending = valued(create())
    const updating = valued(update(active, 'two'))
    const state =
      'The operation cannot be performed at this time. The function is currently in the following state: Pending'
    const progress = `The operation cannot be performed at this time. An update is in progress for resource: ${active.functionArn}`
    for (const [record, text] of [[pending, state] as const, [updating, progress] as const]) {
      expect(textOf(configure(record, { Timeout: 5 }))).toBe(text)
      expect(textOf(update(record, 'three'))).toBe(text)
      expect(textOf(checkPublish(record, { FunctionName: 'f' }, scope))).toBe(text)
    }
  })
})

describe('a version of an image on its way', () => {
  const { record, published } = publish(valued(update(active, 'two')), undefined, stamp('r5'))

  test('waits with its function, and ends as it does', () => {
    expect(published.version).toMatchObject({ version: '1', state: 'Pending', revisionId: 'r5', code: codeOf('two') })
    expect(publicationOf(record)).toEqual(published)
    expect(endVersionImport(published.version)).toMatchObject({ state: 'Active', code: codeOf('two') })
    expect(endVersionImport(published.version)).not.toHaveProperty('stateReason')
    expect(endVersionImport(published.version, failure)).toMatchObject({
      state: 'Failed',
      stateReasonCode: 'ImageDeleted',
    })
  })

  test('is the one of the same code and settings afterwards', () => {
    const done = endImport(record)
    expect(done.lastVersion).toBe(1)
    expect(publish(done, undefined, stamp('r6')).record.lastPublished).toBe(record.lastPublished)
  })

  test('cannot be deleted before', () => {
    const catalogue = { aliases: () => [] }
    expect(textOf(deleteFunction(catalogue, record, scope, 'f', '1'))).toContain('An update is in progress')
    expect(deleteFunction(catalogue, endImport(record), scope, 'f', '1').ok).toBe(true)
  })
})

describe('what does not go together', () => {
  const misfit = "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
  test.each([
    [{ Handler: 'a.b' }, misfit],
    [{ Runtime: 'nodejs24.x' }, misfit],
    [{ Layers: ['arn'] }, misfit],
    [{ CodeSigningConfigArn: 'arn' }, 'Code signing is not supported for functions created with container images.'],
    [{ ImageConfig: { Command: ['x'.repeat(16_384)] } }, 'ImageConfig must not be larger than 16384 bytes.'],
    [
      { SnapStart: { ApplyOn: 'PublishedVersions' } },
      'ContainerImage is not supported for SnapStart enabled functions.',
    ],
  ])('an image and %j', (change, text) => {
    expect(textOf(create(change))).toBe(text)
  })

  test('of a change, either', () => {
    const zip = recordNamed('f')
    expect(textOf(configure(active, { Runtime: 'nodejs24.x' }))).toBe(misfit)
    expect(textOf(configure(zip, { ImageConfig: { Command: ['a'] } }))).toBe(
      "Please don't provide ImageConfig when using Zip as package type.",
    )
    expect(textOf(update(zip, 'one'))).toBe(
      "Please don't provide ImageUri when updating a function with packageType Zip.",
    )
    const zipCode = { code: { digest: 'z', sha256: 'z', sizeBytes: 1 } }
    expect(textOf(updateFunctionCode(active, { FunctionName: 'f' }, zipCode, scope, offer, stamp('r')))).toBe(
      'Please provide ImageUri when updating a function with packageType Image.',
    )
  })

  test('ImageConfig is replaced as a whole', () => {
    const some = valued(configure(active, { ImageConfig: { Command: ['a'], EntryPoint: ['/e'] } }))
    expect(some.latest.imageConfig).toEqual({ command: ['a'], entryPoint: ['/e'] })
    expect(valued(configure(some, { Timeout: 4 })).latest.imageConfig).toEqual({ command: ['a'], entryPoint: ['/e'] })
    expect(valued(configure(some, { ImageConfig: { WorkingDirectory: '/x' } })).latest.imageConfig).toEqual({
      workingDirectory: '/x',
    })
    expect(valued(configure(some, { ImageConfig: {} })).latest).not.toHaveProperty('imageConfig')
  })
})

describe('a claim on an import', () => {
  const claim = (record: FunctionRecord | undefined, by: string, nowMs: number) => claimImport(record, by, nowMs)

  test('holds others off until it is not renewed any more', () => {
    const first = valued(claim(valued(create()), 'a', 0) as never) as FunctionRecord
    expect(first.imageImport).toEqual({ attempts: 1, claim: { by: 'a', untilMs: importClaimMs } })
    expect(claim(first, 'b', importClaimMs - 1)).toEqual({ ok: false, error: 'claimed' })
    const renewed = valued(claim(first, 'a', 10_000) as never) as FunctionRecord
    expect(renewed.imageImport).toEqual({ attempts: 1, claim: { by: 'a', untilMs: 10_000 + importClaimMs } })
    const second = valued(claim(renewed, 'b', 10_000 + importClaimMs) as never) as FunctionRecord
    expect(second.imageImport?.attempts).toBe(2)
  })

  test('is not given for nothing, nor without end', () => {
    expect(claim(undefined, 'a', 0)).toEqual({ ok: false, error: 'none' })
    expect(claim(active, 'a', 0)).toEqual({ ok: false, error: 'none' })
    let record = valued(create())
    for (let turn = 0; turn < 5; turn++) record = valued(claim(record, `${turn}`, turn * 60_000) as never)
    expect(claim(record, 'x', 600_000)).toEqual({ ok: false, error: 'exhausted' })
  })
})

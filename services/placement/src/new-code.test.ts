import { LATEST } from '@weft/contracts'
import { MemoryCatalogue, recordNamed } from '@weft/registry/testing'
import { expect, test } from 'vitest'
import { NewCode } from './new-code.ts'

test('new code, runtimes and layers are noticed once, and other changes are not', () => {
  const catalogue = new MemoryCatalogue()
  const newCode = new NewCode(catalogue, 'us-east-1')
  const record = recordNamed('f')
  const changed = () => newCode.changed(record.accountId, record.functionName)
  const put = (latest: Partial<typeof record.latest>) =>
    catalogue.functionStore.entries.set(`${record.accountId}.${record.functionName}`, {
      value: { ...record, latest: { ...record.latest, ...latest } },
      revision: 1,
    })
  expect(changed()).toBeUndefined()
  put({})
  expect(changed()).toMatchObject({ functionArn: record.functionArn, version: LATEST })
  expect(changed()).toBeUndefined()
  put({ memoryMb: 512 })
  expect(changed()).toBeUndefined()
  put({ code: { ...record.latest.code, digest: 'other' } })
  expect(changed()).toMatchObject({ codeDigest: 'other' })
})

test('a function is not to be expected before its first image is there', () => {
  const catalogue = new MemoryCatalogue()
  const newCode = new NewCode(catalogue, 'us-east-1')
  const record = recordNamed('f')
  const put = (value: typeof record) =>
    catalogue.functionStore.entries.set(`${record.accountId}.${record.functionName}`, { value, revision: 1 })
  put({ ...record, imageImport: { attempts: 1 } })
  expect(newCode.changed(record.accountId, record.functionName)).toBeUndefined()
  put(record)
  expect(newCode.changed(record.accountId, record.functionName)).toMatchObject({ functionArn: record.functionArn })
})

import type { FunctionRecord } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import {
  manageRuntime,
  type RuntimeManagementInput,
  withRuntimePublished,
  withRuntimeUpdated,
} from './runtime-management.ts'
import type { Offer } from './scope.ts'
import { recordNamed } from './testing/records.ts'

const arn = (version: string): string => `arn:aws:lambda:us-east-1::runtime:nodejs24.x:${version}`
const offer = (...versions: readonly string[]): Offer => ({
  runtimes: ['nodejs24.x', 'provided.al2023'],
  runtimeVersions: versions.map((one) => `nodejs24.x:${one}`),
  architectures: ['x86_64'],
})
const manage = (record: FunctionRecord, input: RuntimeManagementInput, offered = offer('24.2.0', '24.10.1')) =>
  manageRuntime(record, record.latest, input, offered)
const settings = (record: FunctionRecord, version = '$LATEST') => record.runtimeManagement?.[version]

function managed(input: RuntimeManagementInput, offered?: Offer): FunctionRecord {
  const result = manage(recordNamed('f'), input, offered)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}

describe('the runtime of a function', () => {
  it('stays with the version that is named', () => {
    const record = managed({ UpdateRuntimeOn: 'Manual', RuntimeVersionArn: arn('24.2.0') })
    expect(settings(record)).toEqual({ updateOn: 'Manual', runtimeVersionArn: arn('24.2.0') })
    expect(withRuntimeUpdated(record, 'nodejs24.x', offer('24.11.0'))).toBe(record)
  })

  it('stays with what is newest until the function changes', () => {
    const record = managed({ UpdateRuntimeOn: 'FunctionUpdate' })
    expect(settings(record)?.runtimeVersionArn).toBe(arn('24.10.1'))
    const again = manage(record, { UpdateRuntimeOn: 'FunctionUpdate' }, offer('24.11.0'))
    expect(again.ok && settings(again.value)?.runtimeVersionArn).toBe(arn('24.10.1'))
    expect(settings(withRuntimeUpdated(record, 'nodejs24.x', offer('24.10.1', '24.11.0')))?.runtimeVersionArn).toBe(
      arn('24.11.0'),
    )
  })

  it('follows the workers again with Auto, and when another runtime takes its place', () => {
    const record = managed({ UpdateRuntimeOn: 'Manual', RuntimeVersionArn: arn('24.2.0') })
    const auto = manage(record, { UpdateRuntimeOn: 'Auto' })
    expect(auto.ok && auto.value.runtimeManagement).toBeUndefined()
    const other = { ...record, latest: { ...record.latest, runtime: 'provided.al2023' } }
    expect(withRuntimeUpdated(other, 'nodejs24.x', offer('24.2.0')).runtimeManagement).toBeUndefined()
  })

  it('is kept for a version as for what it was published from', () => {
    const record = managed({ UpdateRuntimeOn: 'FunctionUpdate' })
    expect(settings(withRuntimePublished(record, '1'), '1')).toEqual(settings(record))
    const plain = recordNamed('f')
    expect(withRuntimePublished(plain, '1')).toBe(plain)
  })

  it.each([
    [{ UpdateRuntimeOn: 'Manual' }, 'RuntimeVersionArn is required when UpdateRuntimeOn is Manual.'],
    [
      { UpdateRuntimeOn: 'Auto', RuntimeVersionArn: arn('24.2.0') },
      'RuntimeVersionArn can only be specified when UpdateRuntimeOn is Manual.',
    ],
    [
      { UpdateRuntimeOn: 'Manual', RuntimeVersionArn: arn('24.3.0') },
      `Runtime version ${arn('24.3.0')} is not offered by the workers: [${arn('24.2.0')}, ${arn('24.10.1')}]`,
    ],
  ] as const)('refuses %o', (input, message) => {
    expect(manage(recordNamed('f'), input)).toMatchObject({
      error: { code: 'InvalidParameterValueException', message },
    })
  })

  it('cannot stay with a version that no worker tells', () => {
    expect(manage(recordNamed('f'), { UpdateRuntimeOn: 'FunctionUpdate' }, offer()).ok).toBe(false)
  })
})

import { accountId, type FunctionVersion, functionName, type SnapStartEntry } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import {
  checkSnapStart,
  hasSnapStart,
  inSnapStartState,
  nextSnapStart,
  snapStartInactiveMs,
  wantsSnapStart,
} from './snap-start.ts'

const dayMs = 24 * 60 * 60_000
const version = {
  version: '1',
  revisionId: 'r1',
  snapStart: true,
  state: 'Active',
  ephemeralStorageMb: 512,
  packageType: 'Zip',
} as FunctionVersion
const entry = (more: Partial<SnapStartEntry>): SnapStartEntry => ({
  ...{ accountId: accountId('000000000001'), functionName: functionName('f'), version: '1', revisionId: 'r1' },
  ...{ state: 'Active', sinceMs: 0, lastUsedMs: 0, epoch: 1 },
  ...more,
})

describe('what may have SnapStart', () => {
  it('is refused with an image or a larger /tmp', () => {
    expect(checkSnapStart(version)).toBeUndefined()
    expect(checkSnapStart({ ...version, packageType: 'Image' })).toMatchObject({
      error: { message: 'ContainerImage is not supported for SnapStart enabled functions.' },
    })
    expect(checkSnapStart({ ...version, ephemeralStorageMb: 513 })).toMatchObject({
      error: { code: 'InvalidParameterValueException' },
    })
    const { snapStart: _none, ...without } = version
    expect(checkSnapStart({ ...without, ephemeralStorageMb: 513 })).toBeUndefined()
  })

  it('counts for published versions only', () => {
    expect(hasSnapStart(version)).toBe(true)
    expect(hasSnapStart({ ...version, version: '$LATEST' })).toBe(false)
  })
})

describe('the state of a version', () => {
  it('is Pending until something is known of it, or of an earlier version of that number', () => {
    const creating = { state: 'Pending', stateReasonCode: 'Creating', stateReason: 'The function is being created.' }
    expect(inSnapStartState(version, undefined)).toMatchObject(creating)
    expect(inSnapStartState(version, entry({ revisionId: 'r0' }))).toMatchObject(creating)
    expect(inSnapStartState(version, entry({ state: 'Pending' }))).toMatchObject(creating)
  })

  it('is what its entry tells', () => {
    expect(inSnapStartState(version, entry({}))).toBe(version)
    expect(inSnapStartState(version, entry({ state: 'Inactive' }))).toMatchObject({
      ...{ state: 'Inactive', stateReasonCode: 'Idle' },
    })
    expect(inSnapStartState(version, entry({ state: 'Pending', restoring: true }))).toMatchObject({
      ...{ state: 'Pending', stateReasonCode: 'Restoring' },
    })
  })

  it.each([
    ['Runtime.ImportModuleError', 'FunctionError.RuntimeInitError'],
    ['Sandbox.Timedout', 'FunctionError.InitTimeout'],
    ['Extension.Crash', 'FunctionError.ExtensionInitError'],
    ['Runtime.InvalidEntrypoint', 'FunctionError.InvalidEntryPoint'],
  ])('names a failed initialisation with %s as %s', (failure, stateReasonCode) => {
    expect(inSnapStartState(version, entry({ state: 'Failed', failure }))).toMatchObject({
      ...{ state: 'Failed', stateReasonCode, stateReason: `Initialization failed: ${failure}` },
    })
  })

  it('does not touch versions without SnapStart', () => {
    const { snapStart: _none, ...without } = version
    expect(inSnapStartState(without, undefined)).toBe(without)
  })
})

describe('how far a version is', () => {
  const nothing = { ready: false }

  it('begins Pending and is Active with the first environment', () => {
    const pending = nextSnapStart(undefined, nothing, 5)
    expect(pending).toEqual({ state: 'Pending', sinceMs: 5, lastUsedMs: 5 })
    expect(nextSnapStart(pending, nothing, 6)).toBe(pending)
    expect(nextSnapStart(pending, { ready: true }, 7)).toEqual({ state: 'Active', sinceMs: 7, lastUsedMs: 7 })
  })

  it('fails for good when its code cannot be initialised', () => {
    const failed = nextSnapStart(entry({ state: 'Pending' }), { ready: false, failure: 'Runtime.ExitError' }, 7)
    expect(failed).toEqual({ state: 'Failed', sinceMs: 7, failure: 'Runtime.ExitError', lastUsedMs: 0 })
    expect(nextSnapStart(failed, { ready: true }, 8)).toBe(failed)
    expect(wantsSnapStart(failed)).toBe(false)
  })

  it('stays Active when a later initialisation fails', () => {
    const active = entry({})
    expect(nextSnapStart(active, { ready: false, failure: 'Runtime.ExitError' }, 7)).toBe(active)
  })

  it('is Inactive after two weeks without a call, and comes back when a call has woken it', () => {
    const active = entry({})
    expect(nextSnapStart(active, { ready: true, lastUsedMs: 13 * dayMs }, 14 * dayMs)).toEqual({
      ...{ state: 'Active', sinceMs: 0, lastUsedMs: 13 * dayMs },
    })
    const inactive = nextSnapStart(active, { ready: true }, snapStartInactiveMs)
    expect(inactive).toEqual({ state: 'Inactive', sinceMs: snapStartInactiveMs, lastUsedMs: 0 })
    expect(wantsSnapStart(inactive)).toBe(false)
    const at = snapStartInactiveMs + dayMs
    expect(nextSnapStart(inactive, { ready: false, wokenMs: 5, lastUsedMs: 5 }, at)).toBe(inactive)
    expect(nextSnapStart(inactive, { ready: false, lastUsedMs: at }, at)).toMatchObject({ state: 'Pending' })
    const woken = nextSnapStart(inactive, { ready: false, wokenMs: snapStartInactiveMs + 1 }, at)
    expect(woken).toEqual({ state: 'Pending', restoring: true, sinceMs: at, lastUsedMs: at })
    expect(wantsSnapStart(woken)).toBe(true)
  })

  it('does not write every call down', () => {
    const active = entry({})
    expect(nextSnapStart(active, { ready: true, lastUsedMs: 59 * 60_000 }, 60 * 60_000)).toBe(active)
  })
})

import { accountId, functionName, type InvocationRecord } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { phasesOf } from './explain.ts'

const record = (over: Partial<InvocationRecord>): InvocationRecord => ({
  ...{ requestId: 'r', accountId: accountId('000000000000'), functionName: functionName('f'), version: '1' },
  ...{ source: 'sync', attempt: 1, workerId: 'w', sandboxId: 's', status: 'success', errorType: '' },
  ...{ acceptedAtMs: 1_000, startedAtMs: 1_060, durationMs: 5, billedDurationMs: 5, initDurationMs: 0 },
  ...{ memoryMb: 128, maxMemoryUsedMb: 64, coldStart: false, requestBytes: 2, responseBytes: 2 },
  ...over,
})

describe('where the time of a call went', () => {
  it('adds up to the time from its acceptance to its end', () => {
    const phases = phasesOf(record({ queuedMs: 50, initDurationMs: 80, leaseOrigin: 'started', coldStart: true }))
    expect(phases.map(({ name, ms }) => `${name} ${ms}`)).toEqual([
      'doors and wires 10',
      'waiting for a sandbox 50',
      'initialising 80',
      'running 5',
    ])
    expect(phases[1]?.why).toBe('a sandbox was started')
    expect(phases.reduce((sum, { ms }) => sum + ms, 0)).toBe(60 + 80 + 5)
  })

  it('tells of an event that it waited in its queue, and knows records without a lease', () => {
    expect(phasesOf(record({ source: 'event' })).map(({ name, ms }) => `${name} ${ms}`)).toEqual([
      'queue, doors and wires 60',
      'waiting for a sandbox 0',
      'initialising 0',
      'running 5',
    ])
  })

  it('tells what restoring took, where something was restored', () => {
    const phases = phasesOf(record({ restoreDurationMs: 7 }))
    expect(phases.map(({ name, ms }) => `${name} ${ms}`).slice(2)).toEqual([
      'initialising 0',
      'restoring 7',
      'running 5',
    ])
  })

  it('gives a wire no negative time when clocks differ', () => {
    expect(phasesOf(record({ startedAtMs: 990 }))[0]?.ms).toBe(0)
  })
})

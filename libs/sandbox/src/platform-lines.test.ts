import { expect, test } from 'vitest'
import { platformLines } from './platform-lines.ts'

const facts = {
  ...{ requestId: 'id', durationMs: 133.6149, initMs: 80, memoryMb: 128, maxMemoryUsedMb: 31 },
  ...{ status: '' as const, errorType: '' },
}
const atMs = Date.UTC(2025, 0, 2, 3, 4, 5, 6)
const succeeded = {
  initializationType: 'on-demand' as const,
  ...{ status: 'success' as const, errorType: '', durationMs: 5 },
}
const timedOut = { ...succeeded, status: 'timeout' as const, durationMs: 10_000 }

test('JSON lines carry what the text lines do', () => {
  const lines = platformLines('JSON')
  expect(JSON.parse(lines.start(atMs, 'id', '3') ?? '')).toEqual({
    ...{ time: '2025-01-02T03:04:05.006Z', type: 'platform.start', record: { requestId: 'id', version: '3' } },
  })
  expect(JSON.parse(lines.report(atMs, facts) ?? '')).toMatchObject({
    type: 'platform.report',
    record: {
      ...{ requestId: 'id', status: 'success' },
      metrics: {
        ...{ durationMs: 133.615, billedDurationMs: 214, memorySizeMB: 128, maxMemoryUsedMB: 31, initDurationMs: 80 },
      },
    },
  })
  const failed = JSON.parse(
    lines.report(atMs, { ...facts, initMs: 0, status: 'error', errorType: 'Runtime.ExitError' }) ?? '',
  )
  expect(failed.record).toMatchObject({ status: 'error', errorType: 'Runtime.ExitError' })
  expect(failed.record.metrics).not.toHaveProperty('initDurationMs')
  expect(JSON.parse(lines.initReport(atMs, 'init', timedOut) ?? '').record).toEqual({
    ...{ initializationType: 'on-demand', phase: 'init', status: 'timeout', metrics: { durationMs: 10_000 } },
  })
  expect(lines.end('id')).toBeUndefined()
})

test('extensions and subscriptions are told in the words of AWS', () => {
  const extension = { id: '', name: 'e', external: true, events: ['INVOKE', 'SHUTDOWN'], errorType: '' } as const
  expect(platformLines('Text').extension(atMs, { ...extension, state: 'waiting' })).toBe(
    'EXTENSION\tName: e\tState: Ready\tEvents: [INVOKE, SHUTDOWN]',
  )
  expect(platformLines('Text').subscription(atMs, 'telemetry', 'e', ['platform', 'function'])).toBe(
    'TELEMETRY\tName: e\tState: Subscribed\tTypes: [Platform, Function]',
  )
})

test('any other format is text', () => {
  expect(platformLines('Text').start(atMs, 'id', '3')).toBe('START RequestId: id Version: 3')
  expect(platformLines('').end('id')).toBe('END RequestId: id')
})

test.each([
  ['DEBUG', ['initStart', 'initRuntimeDone', 'initReport', 'start', 'runtimeDone', 'report', 'failed report']],
  ['INFO', ['initStart', 'start', 'report', 'failed report']],
  ['WARN', ['failed report']],
])('at %s JSON has %j', (level, wanted) => {
  const lines = platformLines('JSON', level)
  const names = {
    initializationType: 'on-demand' as const,
    functionName: 'f',
    functionVersion: '1',
    runtimeVersion: 'r',
    runtimeVersionArn: 'arn',
  }
  const done = { requestId: 'id', status: 'success', errorType: '', durationMs: 1, producedBytes: 2 } as const
  const told = {
    initStart: lines.initStart(atMs, 'init', { ...names, instanceId: 'i', instanceMaxMemoryBytes: 1 }),
    initRuntimeDone: lines.initRuntimeDone(atMs, 'init', succeeded),
    initReport: lines.initReport(atMs, 'init', succeeded),
    start: lines.start(atMs, 'id', '3'),
    runtimeDone: lines.runtimeDone(atMs, done),
    report: lines.report(atMs, facts),
    'failed report': lines.report(atMs, { ...facts, status: 'timeout' }),
  }
  expect(Object.entries(told).flatMap(([name, line]) => (line === undefined ? [] : name))).toEqual(wanted)
})

test('what is initialised ahead is told of, and what is restored', () => {
  const lines = platformLines('Text')
  expect(lines.initReport(atMs, 'init', succeeded)).toBeUndefined()
  const ahead = { ...succeeded, initializationType: 'snap-start' as const }
  expect(lines.initReport(atMs, 'init', ahead)).toBe('INIT_REPORT Init Duration: 5.00 ms\tPhase: init')
  expect(lines.restoreReport(atMs, succeeded)).toBe('RESTORE_REPORT Restore Duration: 5.00 ms')
  const failed = { status: 'error' as const, errorType: 'Runtime.ExitError', durationMs: 7 }
  expect(lines.restoreReport(atMs, failed)).toBe(
    'RESTORE_REPORT Restore Duration: 7.00 ms\tStatus: error\tError Type: Runtime.ExitError',
  )
  expect(lines.report(atMs, { ...facts, initMs: 0, restoreMs: 4.2 })).toMatch(
    /\tRestore Duration: 4\.20 ms\tBilled Restore Duration: 5 ms$/,
  )
  expect(JSON.parse(platformLines('JSON').restoreReport(atMs, failed) ?? '')).toMatchObject({
    type: 'platform.restoreReport',
    record: { status: 'error', errorType: 'Runtime.ExitError', metrics: { durationMs: 7 } },
  })
})

import { expect, test } from 'vitest'
import { forLogsApi, platformEvents, typeOf } from './platform-events.ts'

const atMs = Date.UTC(2025, 0, 2, 3, 4, 5, 6)
const timedOut = {
  initializationType: 'on-demand' as const,
  ...{ status: 'timeout' as const, errorType: '', durationMs: 5 },
}
const time = '2025-01-02T03:04:05.006Z'
const report = platformEvents.report(atMs, {
  ...{ requestId: 'id', durationMs: 133.6149, initMs: 80, memoryMb: 128, maxMemoryUsedMb: 31 },
  ...{ status: '' as const, errorType: '' },
})

test('events have the shapes of the Telemetry API', () => {
  expect(report).toEqual({
    ...{ time, type: 'platform.report' },
    record: {
      ...{ requestId: 'id', status: 'success' },
      metrics: {
        ...{ durationMs: 133.615, billedDurationMs: 214, memorySizeMB: 128, maxMemoryUsedMB: 31, initDurationMs: 80 },
      },
    },
  })
  const facts = { requestId: 'id', status: 'error', errorType: 'X', durationMs: 1.23456, producedBytes: 9 } as const
  expect(platformEvents.runtimeDone(atMs, facts)).toEqual({
    ...{ time, type: 'platform.runtimeDone' },
    record: { requestId: 'id', status: 'error', errorType: 'X', metrics: { durationMs: 1.235, producedBytes: 9 } },
  })
  expect(
    platformEvents.extension(atMs, { name: 'e', events: ['INVOKE'], errorType: '', state: 'waiting' }).record,
  ).toEqual({ name: 'e', state: 'Ready', events: ['INVOKE'] })
  expect(platformEvents.initReport(atMs, 'invoke', timedOut).record).toEqual({
    ...{ initializationType: 'on-demand', phase: 'invoke', status: 'timeout', metrics: { durationMs: 5 } },
  })
})

test('lines are text, or objects where the function logs in JSON', () => {
  expect(platformEvents.line(atMs, 'function', '{"a":1}', true)).toEqual({ time, type: 'function', record: { a: 1 } })
  expect(platformEvents.line(atMs, 'function', '{"a":1}', false).record).toBe('{"a":1}')
  expect(platformEvents.line(atMs, 'function', '{a', true).record).toBe('{a')
  expect(platformEvents.line(atMs, 'extension', '{"a":1}', true).record).toBe('{"a":1}')
  expect([report, platformEvents.line(atMs, 'extension', 'x', false)].map(typeOf)).toEqual(['platform', 'extension'])
})

test('the Logs API knows less', () => {
  expect(forLogsApi(report, '2020-08-15')?.record).not.toHaveProperty('status')
  const facts = { requestId: 'id', status: 'success', errorType: '', durationMs: 1, producedBytes: 9 } as const
  const done = platformEvents.runtimeDone(atMs, facts)
  expect(forLogsApi(done, '2020-08-15')).toBeUndefined()
  expect(forLogsApi(done, '2021-03-18')?.record).toEqual({ requestId: 'id', status: 'success' })
  expect(forLogsApi(platformEvents.telemetrySubscription(atMs, 'e', ['platform']), '2020-08-15')?.type).toBe(
    'platform.logsSubscription',
  )
  expect(
    forLogsApi(platformEvents.initRuntimeDone(atMs, 'init', { ...timedOut, status: 'success' }), '2021-03-18'),
  ).toBeUndefined()
  expect(forLogsApi(platformEvents.start(atMs, 'id', '1'), '2020-08-15')?.type).toBe('platform.start')
})

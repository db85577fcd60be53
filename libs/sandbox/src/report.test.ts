import { expect, test } from 'vitest'
import { billedMs, endLine, initReportLine, initStartLine, oneLine, reportLine, startLine } from './report.ts'

const facts = {
  requestId: 'id',
  durationMs: 133.61,
  initMs: 80,
  memoryMb: 128,
  maxMemoryUsedMb: 31,
  status: '' as const,
  errorType: '',
}

test('the lines are those of AWS', () => {
  expect(startLine('id', '$LATEST')).toBe('START RequestId: id Version: $LATEST')
  expect(endLine('id')).toBe('END RequestId: id')
  expect(reportLine(facts)).toBe(
    'REPORT RequestId: id\tDuration: 133.61 ms\tBilled Duration: 214 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\tInit Duration: 80.00 ms',
  )
  expect(reportLine({ ...facts, initMs: 0, status: 'timeout' })).toBe(
    'REPORT RequestId: id\tDuration: 133.61 ms\tBilled Duration: 134 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\tStatus: timeout',
  )
  expect(reportLine({ ...facts, initMs: 0, status: 'error', errorType: 'Runtime.ExitError' })).toMatch(
    /\tStatus: error\tError Type: Runtime.ExitError$/,
  )
  expect(initStartLine('nodejs24.x', 'arn:aws:lambda:eu-west-1::runtime:nodejs24.x')).toBe(
    'INIT_START Runtime Version: nodejs24.x\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:nodejs24.x',
  )
  expect(initReportLine(10_000, 'init', 'timeout', '')).toBe(
    'INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout',
  )
})

test('initialisation is billed, in whole milliseconds rounded up', () => {
  expect(billedMs(133.61, 80)).toBe(214)
  expect(billedMs(1_233.96, 463.512)).toBe(1_698)
  expect(billedMs(2, 0)).toBe(2)
})

test('what a function writes into an error type forges no line', () => {
  expect(oneLine('a\r\nREPORT\tx')).toBe('a REPORT x')
})

import { expect, test } from 'vitest'
import { InvocationLog } from './invocation-log.ts'

const messages = (log: InvocationLog): readonly string[] => log.lines().map(({ message }) => message)

test('beyond its bytes an invocation logs nothing, and is told so once', () => {
  const log = new InvocationLog({ invocationBytes: 10, lineBytes: 100 })
  log.tell(1, 'START')
  for (const line of ['12345', '1234567', '12345', 'x']) log.add(2, line)
  log.tell(3, 'END')
  log.tell(3, 'REPORT')
  expect(messages(log)).toEqual([
    'START',
    '12345',
    '12345',
    'LOGS DROPPED: 2 lines of 8 bytes; an invocation may log 10 bytes',
    'END',
    'REPORT',
  ])
})

test('a long line is cut, not in the middle of a character', () => {
  const log = new InvocationLog({ invocationBytes: 1_000, lineBytes: 5 })
  log.add(1, 'ääää')
  expect(messages(log)).toEqual(['ää'])
})

test('the tail is the last 4 KB, whole characters', () => {
  const log = new InvocationLog()
  log.add(1, 'first')
  expect(log.tail()).toBe('first\n')
  for (let i = 0; i < 100; i++) log.add(1, `${'ö'.repeat(50)}${i}`)
  const tail = log.tail()
  expect(Buffer.byteLength(tail)).toBeLessThanOrEqual(4_096)
  expect(Buffer.byteLength(tail)).toBeGreaterThan(4_090)
  expect(tail).toMatch(/^ö/)
  expect(tail.endsWith('99\n')).toBe(true)
})

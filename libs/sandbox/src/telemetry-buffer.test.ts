import { expect, test } from 'vitest'
import { TelemetryBuffer } from './telemetry-buffer.ts'

const limits = { maxItems: 3, maxBytes: 10, timeoutMs: 100 }

test('a batch is due when its time is over, or at once when it is full', () => {
  const buffer = new TelemetryBuffer(limits)
  expect(buffer.dueMs).toBeUndefined()
  buffer.add('a', 5)
  buffer.add('b', 50)
  expect(buffer.dueMs).toBe(105)
  buffer.add('c', 60)
  expect(buffer.dueMs).toBe(5)
  buffer.add('d', 61)
  expect(buffer.take(62)).toEqual({ events: ['a', 'b', 'c'], droppedRecords: 0, droppedBytes: 0 })
  expect(buffer.dueMs).toBe(162)
  expect(buffer.take(200).events).toEqual(['d'])
  expect(buffer.empty).toBe(true)
})

test('bytes count too, and what is too large for a batch goes alone', () => {
  const buffer = new TelemetryBuffer(limits)
  for (const event of ['1234', '123456789012', '1']) buffer.add(event, 0)
  expect(buffer.take(0).events).toEqual(['1234'])
  expect(buffer.take(0).events).toEqual(['123456789012'])
  expect(buffer.take(0).events).toEqual(['1'])
})

test('a subscriber that does not keep up loses events, and is told how many', () => {
  const buffer = new TelemetryBuffer(limits)
  for (let i = 0; i < 12; i++) buffer.add('1234567890', 0)
  expect(buffer.take(0)).toEqual({ events: ['1234567890'], droppedRecords: 10, droppedBytes: 100 })
  expect(buffer.take(0)).toMatchObject({ droppedRecords: 0 })
})

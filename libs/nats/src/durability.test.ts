import { expect, test } from 'vitest'
import { leastServerVersion, versionAtLeast } from './durability.ts'

test('versions compare by number', () => {
  expect(versionAtLeast('2.10.27', leastServerVersion)).toBe(true)
  expect(versionAtLeast('2.11.0', leastServerVersion)).toBe(true)
  expect(versionAtLeast('v2.12.1-RC.1', leastServerVersion)).toBe(true)
  expect(versionAtLeast('2.9.25', leastServerVersion)).toBe(false)
  expect(versionAtLeast('2.10.9', leastServerVersion)).toBe(false)
  expect(versionAtLeast('unknown', leastServerVersion)).toBe(false)
})

import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { startDockerd } from './dockerd.ts'

test('an engine of its own answers, and leaves nothing behind when it stops', async () => {
  const engine = await startDockerd({ own: true })
  expect(engine.own).toBe(true)
  expect(engine.describe).toMatch(/^Docker \d+\.\d+/)
  expect(engine.leftovers()).not.toEqual([])
  await engine[Symbol.asyncDispose]()
  expect(engine.leftovers()).toEqual([])
  expect(existsSync(dirname(engine.socketPath))).toBe(false)
})

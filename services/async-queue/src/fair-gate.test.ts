import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FairGate } from './fair-gate.ts'

const never = new AbortController().signal
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

it('a flood of one key delays another by one place at most', async () => {
  const gate = new FairGate(2, 2)
  const entered: string[] = []
  const exits: (() => void)[] = []
  const enter = (key: string) =>
    void gate.acquire(key, never).then((exit) => {
      entered.push(key)
      if (exit) exits.push(exit)
    })
  for (let n = 0; n < 10; n++) enter('flood')
  enter('other')
  await settle()
  expect(entered).toEqual(['flood', 'flood'])
  exits.shift()?.()
  exits.shift()?.()
  await settle()
  expect(entered.slice(2)).toEqual(['flood', 'other'])
})

it('one key never has more than its share, and releasing twice frees one place', async () => {
  const gate = new FairGate(10, 2)
  const exits = await Promise.all([gate.acquire('a', never), gate.acquire('a', never)])
  let third = false
  void gate.acquire('a', never).then(() => {
    third = true
  })
  await settle()
  expect(third).toBe(false)
  exits[0]?.()
  exits[0]?.()
  await settle()
  expect([third, gate.taken]).toEqual([true, 2])
})

it('free places go round the parts of a key, too', async () => {
  const gate = new FairGate(1, 1)
  const entered: string[] = []
  const exits: (() => void)[] = []
  const enter = (part: string) =>
    void gate.acquire('a', never, part).then((exit) => {
      entered.push(part)
      if (exit) exits.push(exit)
    })
  for (let n = 0; n < 5; n++) enter('slow')
  enter('other')
  expect([gate.waiting('a', 'slow'), gate.waiting('a', 'other'), gate.waiting('b')]).toEqual([4, 1, 0])
  for (let n = 0; n < 3; n++) {
    await settle()
    exits.shift()?.()
  }
  await settle()
  expect(entered).toEqual(['slow', 'slow', 'other', 'slow'])
})

it('who gives up waiting takes no place', async () => {
  const gate = new FairGate(1, 1)
  const exit = await gate.acquire('a', never)
  const impatient = new AbortController()
  const waiting = gate.acquire('b', impatient.signal)
  impatient.abort()
  expect(await waiting).toBeUndefined()
  exit?.()
  expect(await gate.acquire('c', never)).toBeDefined()
  expect(gate.taken).toBe(1)
})

it('any order of entering and leaving keeps the limits and lets everyone in', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom('a', 'b', 'c', 'leave'), { maxLength: 60 }), async (steps) => {
      const gate = new FairGate(3, 2)
      const inside: { key: string; exit: () => void }[] = []
      let wanted = 0
      let entered = 0
      const check = (): void => {
        expect(gate.taken).toBe(inside.length)
        expect(inside.length).toBeLessThanOrEqual(3)
        for (const key of ['a', 'b', 'c']) expect(inside.filter((one) => one.key === key).length).toBeLessThanOrEqual(2)
      }
      for (const step of steps) {
        if (step === 'leave') inside.shift()?.exit()
        else {
          wanted++
          void gate.acquire(step, never).then((exit) => {
            entered++
            if (exit) inside.push({ key: step, exit })
          })
        }
        await settle()
        check()
      }
      while (inside.length > 0) {
        inside.shift()?.exit()
        await settle()
        check()
      }
      expect(entered).toBe(wanted)
    }),
    { numRuns: 30 },
  )
})

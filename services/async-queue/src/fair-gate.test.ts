import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FairGate } from './fair-gate.ts'

it('a flood of one key delays another by one place at most', () => {
  const gate = new FairGate(2, 2)
  const entered: string[] = []
  const exits: (() => void)[] = []
  const enter = (key: string) =>
    gate.wait(key, '', (exit) => {
      entered.push(key)
      exits.push(exit)
    })
  for (let n = 0; n < 10; n++) enter('flood')
  enter('other')
  expect(entered).toEqual(['flood', 'flood'])
  exits.shift()?.()
  exits.shift()?.()
  expect(entered.slice(2)).toEqual(['flood', 'other'])
})

it('one key never has more than its share, and releasing twice frees one place', () => {
  const gate = new FairGate(10, 2)
  const exits = [gate.take('a'), gate.take('a')]
  expect(gate.take('a')).toBeUndefined()
  let third = false
  gate.wait('a', '', () => {
    third = true
  })
  expect(third).toBe(false)
  exits[0]?.()
  exits[0]?.()
  expect([third, gate.taken]).toEqual([true, 2])
})

it('free places go round the parts of a key, too', () => {
  const gate = new FairGate(1, 1)
  const entered: string[] = []
  const exits: (() => void)[] = []
  const enter = (part: string) =>
    gate.wait('a', part, (exit) => {
      entered.push(part)
      exits.push(exit)
    })
  for (let n = 0; n < 5; n++) enter('slow')
  enter('other')
  expect([gate.waiting('a', 'slow'), gate.waiting('a', 'other'), gate.waiting('b')]).toEqual([4, 1, 0])
  for (let n = 0; n < 3; n++) {
    exits.shift()?.()
  }
  expect(entered).toEqual(['slow', 'slow', 'other', 'slow'])
})

it('who gives up waiting takes no place', () => {
  const gate = new FairGate(1, 1)
  const exit = gate.take('a')
  let entered = false
  const stopWaiting = gate.wait('b', '', () => {
    entered = true
  })
  expect(gate.take('b')).toBeUndefined()
  stopWaiting()
  exit?.()
  expect(gate.take('c')).toBeDefined()
  expect([entered, gate.taken]).toEqual([false, 1])
})

it('any order of entering and leaving keeps the limits and lets everyone in', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'leave'), { maxLength: 60 }), (steps) => {
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
          gate.wait(step, '', (exit) => {
            entered++
            inside.push({ key: step, exit })
          })
        }
        check()
      }
      while (inside.length > 0) {
        inside.shift()?.exit()
        check()
      }
      expect(entered).toBe(wanted)
    }),
    { numRuns: 200 },
  )
})

import { describe, expect, it } from 'vitest'
import { memoryChannelPair } from './channel.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a channel in memory', () => {
  it('carries frames in order, later, those from before the receiver first', async () => {
    const [left, right] = memoryChannelPair<string, number>()
    const got: number[] = []
    left.send(1)
    left.send(2)
    await turn()
    right.receive((n) => got.push(n))
    left.send(3)
    expect(got).toEqual([1, 2])
    await turn()
    expect(got).toEqual([1, 2, 3])
  })

  it('is open at once, delivers what was sent before the close, and drops what is sent after it', async () => {
    const [left, right] = memoryChannelPair<string, number>()
    await left.opened
    const got: number[] = []
    right.receive((n) => got.push(n))
    left.send(1)
    left.close()
    left.send(2)
    await turn()
    expect(got).toEqual([1])
    expect(await left.closed).toMatchObject({ remote: false })
    expect(await right.closed).toMatchObject({ remote: true })
  })

  it('takes one receiver', () => {
    const [left] = memoryChannelPair<string, number>()
    left.receive(() => undefined)
    expect(() => left.receive(() => undefined)).toThrow(/receiver/)
  })
})

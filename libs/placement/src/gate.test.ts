import { describe, expect, it } from 'vitest'
import { LeaseGate, type WhenBlind } from './gate.ts'

const lease = (epoch: number, number: number) => ({ epoch: BigInt(epoch), number: BigInt(number) })

const gate = (whenBlind: WhenBlind = 'serve'): LeaseGate => {
  const made = new LeaseGate({ workerFenceMs: 5_000 }, whenBlind, 0)
  made.leaderVisible(1, 0)
  made.report(1)
  made.contact()
  return made
}

describe('the lease gate of a worker', () => {
  it('learns a lease from its first use and refuses those before it', () => {
    const g = gate()
    expect(g.admit('s', lease(1, 2), 0)).toBe(true)
    expect(g.admit('s', lease(1, 2), 0)).toBe(true)
    expect(g.admit('s', lease(1, 1), 0)).toBe(false)
    expect(g.admit('s', lease(1, 3), 0)).toBe(true)
    expect(g.latest('s')).toEqual(lease(1, 3))
  })

  it('refuses a lease that was ended, used or not', () => {
    const g = gate()
    g.admit('s', lease(1, 2), 0)
    g.end('s', lease(1, 3))
    expect(g.admit('s', lease(1, 2), 0)).toBe(false)
    expect(g.admit('s', lease(1, 3), 0)).toBe(false)
    expect(g.admit('s', lease(1, 4), 0)).toBe(true)
  })

  it('keeps serving a lease that the new leader was told of, and refuses one it was not', () => {
    const g = gate()
    g.admit('used', lease(1, 1), 0)
    g.report(2)
    expect(g.admit('used', lease(1, 1), 0)).toBe(true)
    expect(g.admit('used', lease(1, 2), 0)).toBe(false)
    expect(g.admit('unused', lease(1, 3), 0)).toBe(false)
    expect(g.admit('unused', lease(2, 1), 0)).toBe(true)
  })

  it('serves on while no leader is to be seen', () => {
    const g = gate()
    g.contactLost(1_000)
    g.leaderVisible(undefined, 3_000)
    expect(g.fenced(1_000_000)).toBe(false)
  })

  it('stops when there is a leader that it has not reached for the fencing time', () => {
    const g = gate()
    g.contactLost(1_000)
    g.leaderVisible(undefined, 3_000)
    g.leaderVisible(2, 9_000)
    expect(g.fenced(13_999)).toBe(false)
    expect(g.fenced(14_000)).toBe(true)
    expect(g.admit('s', lease(2, 1), 14_000)).toBe(false)
    g.report(2)
    g.contact()
    expect(g.admit('s', lease(2, 1), 14_000)).toBe(true)
  })

  it('stops in any case when told to fence while blind', () => {
    const g = gate('fence')
    g.contactLost(1_000)
    g.leaderVisible(undefined, 3_000)
    expect(g.fenced(6_000)).toBe(true)
  })

  it('after a long stop of its process runs nothing before its leader has welcomed it again', () => {
    const g = gate()
    g.admit('s', lease(1, 1), 0)
    expect(g.awake(4_999)).toBe(false)
    expect(g.admit('s', lease(1, 1), 5_000)).toBe(true)
    // What lay in the socket comes first, before any timer, and news of the board no older than itself.
    g.leaderVisible(undefined, 50_000)
    g.leaderVisible(1, 50_000)
    expect(g.admit('s', lease(1, 1), 50_000)).toBe(false)
    expect(g.fenced(50_000)).toBe(true)
    expect(g.awake(50_000)).toBe(false)
    g.contact()
    expect(g.admit('s', lease(1, 1), 50_001)).toBe(true)
  })

  it('tells of a stop once', () => {
    const g = gate()
    expect(g.awake(5_000)).toBe(true)
    expect(g.awake(5_001)).toBe(false)
  })
})

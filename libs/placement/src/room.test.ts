import { describe, expect, it } from 'vitest'
import { Stage } from './testing/stage.ts'

/** A worker with room for two sandboxes, and both in the hands of dispatcher 10 for function f. */
const full = (): Stage => {
  const stage = new Stage()
  stage.worker(1, { memoryMb: 256n })
  stage.dispatcher(10)
  stage.dispatcher(11)
  for (const sandbox of ['s1', 's2']) {
    stage.acquire(10, 'f')
    stage.ready(1, sandbox)
  }
  return stage
}

describe('starts at once', () => {
  it('are no more than a worker takes; the next one follows when one is ready', () => {
    const stage = new Stage()
    stage.worker(1, { parallelStarts: 2 })
    stage.dispatcher(10)
    const said = Array.from({ length: 5 }, () => stage.acquire(10, 'f')).flat()
    expect(said).toEqual(['1: start s1 f', '1: start s2 f'])
    expect(stage.ready(1, 's2')).toEqual(['10: granted 1 s2 7.1 cold', '1: start s3 f'])
  })

  it('are none surplus when sandboxes come free meanwhile', () => {
    const stage = new Stage()
    stage.worker(1, { parallelStarts: 1 })
    stage.dispatcher(10)
    for (let i = 0; i < 3; i++) stage.acquire(10, 'f')
    stage.ready(1, 's1')
    expect(stage.release(10, 's1 7.1')).toEqual(['10: granted 2 s1 7.2'])
    expect(stage.release(10, 's1 7.2')).toEqual(['10: granted 3 s1 7.3'])
    expect(stage.ready(1, 's2')).toEqual([])
    expect(stage.leader.counts()).toMatchObject({ starting: 0, idle: 1, leased: 1 })
  })

  it('go round the functions that want them', () => {
    const stage = new Stage()
    stage.worker(1, { parallelStarts: 1 })
    stage.dispatcher(10)
    for (let i = 0; i < 4; i++) stage.acquire(10, 'f')
    stage.acquire(10, 'g')
    expect(stage.ready(1, 's1').at(-1)).toBe('1: start s2 f')
    expect(stage.ready(1, 's2').at(-1)).toBe('1: start s3 g')
    expect(stage.ready(1, 's3').at(-1)).toBe('1: start s4 f')
  })
})

describe('room', () => {
  it('is taken from idle leases of another function', () => {
    const stage = full()
    expect(stage.acquire(11, 'g')).toEqual(['10: recall s1 7.1 if idle', '10: recall s2 7.2 if idle'])
    stage.busy(10, 's1 7.1', true)
    expect(stage.release(10, 's2 7.2')).toEqual(['1: stop s2'])
    expect(stage.gone(1, 's2')).toEqual(['1: start s3 g'])
  })

  it('is asked for again after a while, not with every answer', () => {
    const stage = full()
    stage.acquire(11, 'g')
    expect([...stage.busy(10, 's1 7.1', true), ...stage.busy(10, 's2 7.2', true)]).toEqual([])
    expect(stage.pass(50)).toEqual(['10: recall s1 7.1 if idle', '10: recall s2 7.2 if idle'])
  })

  it('is taken from the function that has most of it when it is never idle, one invocation later', () => {
    const stage = full()
    stage.acquire(11, 'g')
    for (let i = 0; i < 3; i++) {
      stage.busy(10, 's1 7.1', true)
      stage.busy(10, 's2 7.2', true)
      stage.pass(50)
    }
    stage.busy(10, 's1 7.1', true)
    stage.busy(10, 's2 7.2', true)
    expect(stage.pass(50)).toEqual(['10: recall s1 7.1'])
    stage.busy(10, 's1 7.1')
    stage.acquire(10, 'f')
    // Not to the call of f that waits for it: g has waited longer.
    expect(stage.release(10, 's1 7.1')).toEqual(['1: stop s1'])
    expect(stage.gone(1, 's1')).toEqual(['1: start s3 g'])
  })

  it('is not taken from a function that has no more of it', () => {
    const stage = full()
    stage.release(10, 's2 7.2')
    stage.acquire(11, 'g')
    stage.gone(1, 's2')
    stage.ready(1, 's3')
    stage.acquire(11, 'g')
    const said = [...stage.pass(50)]
    for (let i = 0; i < 10; i++) {
      stage.busy(10, 's1 7.1', true)
      said.push(...stage.pass(50))
    }
    expect(said.filter((one) => !one.endsWith('if idle'))).toEqual([])
  })
})

import { describe, expect, it } from 'vitest'
import { Stage } from './testing/stage.ts'

/** Two workers; on the first one sandbox is leased and one is idle. */
const staged = (): Stage => {
  const stage = new Stage()
  stage.worker(1)
  stage.dispatcher(10)
  for (const sandbox of ['s1', 's2']) {
    stage.acquire(10, 'f')
    stage.ready(1, sandbox)
  }
  stage.release(10, 's2 7.2')
  stage.worker(2)
  return stage
}

describe('a worker that is going away', () => {
  it('loses what is idle at once, and what is leased when its invocation ends', () => {
    const stage = staged()
    expect(stage.stats(1, 800, true)).toEqual(['10: recall s1 7.1', '1: stop s2'])
    expect(stage.stats(1, 800, true)).toEqual([])
    stage.busy(10, 's1 7.1')
    expect(stage.acquire(10, 'f')).toEqual(['2: start s3 f'])
    expect(stage.release(10, 's1 7.1')).toEqual(['1: stop s1'])
  })
})

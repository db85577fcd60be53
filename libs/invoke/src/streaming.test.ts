import { RunStatus } from '@weft/contracts/worker'
import { describe, expect, it } from 'vitest'
import { answerWindowBytes } from './answer-window.ts'
import { Stage, warm } from './testing/stage.ts'

/** A call of a function that has begun to stream. */
const streaming = () => {
  const stage = new Stage()
  const taking: (() => void)[] = []
  const pending = stage.call(taking)
  stage.grant(1)
  stage.begin(2)
  void stage.said
  return { stage, taking, pending }
}

describe('a call that takes parts', () => {
  it('gets them ahead of its outcome, and credit for what it took goes to its worker', () => {
    const { stage, taking } = streaming()
    stage.chunk(2, answerWindowBytes / 2)
    expect(stage.said).toEqual([`a gets ${answerWindowBytes / 2}`])
    taking[0]?.()
    expect(stage.said).toEqual([`credit 2 ${answerWindowBytes / 2}`])
    stage.result(2)
    expect(stage.said).toEqual(['a: succeeded'])
  })

  it('gives no credit for an invocation that is over: its worker runs another one', () => {
    const { stage, taking } = streaming()
    stage.chunk(2, answerWindowBytes)
    stage.result(2)
    stage.call()
    void stage.said
    taking[0]?.()
    expect(stage.said).toEqual([])
  })

  it('drops the rest at its source when its caller leaves, and the lease serves on', () => {
    const { stage, pending } = streaming()
    if (pending) stage.core.abort(pending)
    expect(stage.said).toEqual(['discard 2'])
    stage.chunk(2, 10)
    stage.result(2)
    stage.call()
    expect(stage.said).toEqual(['a: succeeded', 'run b on s1 as 3'])
  })

  it('is told of a worker that is lost in mid stream', () => {
    const { stage } = streaming()
    stage.chunk(2, 10)
    stage.core.workerLost('w ', true, stage.now)
    expect(stage.said).toEqual([
      'a gets 10',
      'release s1 lost running',
      'a: the worker was lost during the invocation, may have run',
    ])
  })

  it('that did not start begins anew elsewhere', () => {
    const stage = new Stage()
    stage.call([])
    stage.grant(1)
    stage.result(2, { status: RunStatus.RUN_STATUS_NOT_STARTED, detail: 'busy' })
    stage.grant(3)
    stage.begin(4)
    expect(stage.said.slice(-2)).toEqual(['run a on s3 as 4', 'a begins text/plain'])
  })

  it('that takes none is not told of any', () => {
    const stage = warm()
    stage.call()
    stage.begin(3)
    stage.chunk(3, 10)
    expect(stage.said).toEqual(['run b on s1 as 3'])
  })
})

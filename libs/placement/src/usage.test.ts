import { expect, it } from 'vitest'
import { Stage, stageSpec } from './testing/stage.ts'

const account = '000000000001'

it('tells of each account what it uses, by function and by provisioned version', () => {
  const stage = new Stage({ limit: 10 })
  stage.worker(1)
  stage.dispatcher(10)
  const spec = stageSpec('f', { version: '1', sandboxKey: 'f/1' })
  const targets = [{ spec, count: 2 }]
  stage.handle({ kind: 'provisioned-changed', accountId: account, functionName: 'f', targets })
  stage.ready(1, 's1')
  stage.ready(1, 's2')
  stage.acquire(10, 'f', { spec })
  stage.acquire(10, 'g')
  stage.ready(1, 's3')
  expect(stage.leader.usage()).toEqual([
    {
      ...{ accountId: account, limit: 10, used: 2 },
      functions: [
        { functionName: 'f', used: 1, provisioned: [{ version: '1', available: 2, busy: 1 }] },
        { functionName: 'g', used: 1, provisioned: [] },
      ],
    },
  ])
})

it('says nothing of what is not used', () => {
  const stage = new Stage({ limit: 10 })
  stage.worker(1)
  stage.dispatcher(10)
  stage.acquire(10, 'f')
  stage.ready(1, 's1')
  stage.release(10, 's1 7.1')
  expect(stage.leader.usage()).toMatchObject([{ used: 0, functions: [] }])
})

import { expect, test } from 'vitest'
import { createProcessDriver } from './process-driver.ts'
import { plainSpec, TestWorker, testDataDir } from './testing/test-worker.ts'

test('a function that is expected finds its code and a stem of its runtime when it is called', async () => {
  const data = testDataDir()
  let read = 0
  {
    await using w = await TestWorker.start(createProcessDriver({ dataDir: data.path }), data.path, {}, {}, (code) => ({
      ...code,
      get: (digest) => {
        read += 1
        return code.get(digest)
      },
    }))
    const files = { 'index.js': 'exports.handler = async () => "here"' }
    const { digest: codeDigest, sizeBytes: codeBytes } = w.layer(files)
    const stems = (): unknown => w.worker.details().stems
    expect(stems()).toBe(0)
    w.send({ $case: 'expect', value: { spec: { ...plainSpec, codeDigest, codeBytes } } })
    while (stems() !== 1 || read === 0) await new Promise((resolve) => setImmediate(resolve))
    const environment = await w.environment(files)
    expect((await environment.run({})).payload.toString()).toBe('"here"')
    expect(read).toBe(1)
  }
  data.remove()
})

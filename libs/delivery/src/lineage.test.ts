import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ChainEntry, enterChain, mostRunsInChain } from './lineage.ts'

const entry = (change: Partial<ChainEntry> = {}): ChainEntry => ({
  functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:a',
  requestId: '01234567-89ab-4cde-8f01-23456789abcd',
  acceptedAtMs: 1_700_000_000_000,
  ...change,
})
const enter = (change: Partial<ChainEntry>): string => {
  const step = enterChain(entry(change))
  if (step.kind === 'loop') throw new Error('a loop')
  return step.traceHeader
}

describe('the lineage of a call', () => {
  it('begins a chain where there is none', () => {
    expect(enter({})).toMatch(/^Root=1-6553f100-0123456789ab4cde8f012345;Lineage=[0-9a-f]{8}:1$/)
  })

  it('keeps what the caller sent', () => {
    const traceHeader = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'
    expect(enter({ traceHeader })).toMatch(new RegExp(`^${traceHeader};Lineage=[0-9a-f]{8}:1$`))
  })

  it.each([['Terminate' as const], [undefined]])(
    'lets a function run 16 times in a chain, and no more (%s)',
    (mode) => {
      let traceHeader = enter({})
      for (let run = 2; run <= mostRunsInChain; run++) traceHeader = enter({ traceHeader, recursiveLoop: mode })
      expect(enterChain(entry({ traceHeader, recursiveLoop: mode }))).toEqual({ kind: 'loop' })
      expect(enter({ traceHeader, recursiveLoop: 'Allow' })).toBe(traceHeader)
    },
  )

  it('finds a loop over several functions', () => {
    let traceHeader: string | undefined
    let runs = 0
    for (;;) {
      const functionArn = `arn:aws:lambda:us-east-1:123456789012:function:f${runs % 3}`
      const step = enterChain(entry({ traceHeader, functionArn }))
      if (step.kind === 'loop') break
      traceHeader = step.traceHeader
      runs++
    }
    expect(runs).toBe(3 * mostRunsInChain)
  })

  it('stays a header that fits, whatever comes', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string({ maxLength: 9 }), { maxLength: 60 }), (lineage, names) => {
        let traceHeader: string | undefined = `Lineage=${lineage.replaceAll(';', '')}`
        for (const functionArn of names) {
          const step = enterChain(entry({ traceHeader, functionArn }))
          traceHeader = step.kind === 'enter' ? step.traceHeader : undefined
        }
        if (names.length > 0) expect(traceHeader ?? '').toMatch(/^[A-Za-z0-9=;:_./|-]{0,512}$/)
      }),
    )
  })
})

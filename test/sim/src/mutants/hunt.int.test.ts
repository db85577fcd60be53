import { describe, expect, it } from 'vitest'
import { hunt } from './hunt.ts'
import { mutants } from './list.ts'

/** Every broken rule shows within this many seeds. */
const enough = 400

describe('the protocol broken on purpose', () => {
  const alone = [...mutants.entries()].flatMap(([index, { name, coveredBy }]) =>
    coveredBy === undefined ? [[index, name] as const] : [],
  )
  it.each(alone)('%i is found out: %s', async (index) => {
    expect((await hunt(index, enough)).seeds).toBeDefined()
  })
})

import type { PlanBook } from '../ledger.ts'

/** Waits before the retries of function errors, s. */
export const retrySeconds = '1,2'

/**
 * What the function does with an event. It keeps no count of its runs, which may be in any sandbox: what fails `once` fails
 * in the first half second after its acceptance, which lies before the first retry, what fails `twice` before the second.
 */
export const realPlans = {
  ok: { condition: 'Success', runs: 1 },
  slow: { condition: 'Success', runs: 1 },
  'fail once': { condition: 'Success', runs: 2 },
  'fail twice': { condition: 'Success', runs: 3 },
  'always fail': { condition: 'RetriesExhausted', runs: 3 },
  'time out once': { condition: 'Success', runs: 2 },
  'kill the sandbox once': { condition: 'Success', runs: 2 },
} as const satisfies PlanBook

export type RealPlan = keyof typeof realPlans
export const realPlanNames = Object.keys(realPlans) as readonly RealPlan[]

/** Of the function that runs the events; its timeout is far above what it takes on a machine that is busy. */
export const eventHandler = `
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
export const handler = async ({ plan, atMs }) => {
  const ageMs = Date.now() - atMs
  switch (plan) {
    case 'slow': return wait(400)
    case 'always fail': throw new Error('as planned')
    case 'fail once': if (ageMs < 500) throw new Error('as planned'); return
    case 'fail twice': if (ageMs < 1_500) throw new Error('as planned'); return
    case 'time out once': if (ageMs < 500) await wait(60_000); return
    case 'kill the sandbox once': if (ageMs < 500) process.exit(137)
  }
}
`

/** Of the function that runs records: every batch with a poisoned one fails. */
export const recordHandler = `
export const handler = async ({ Records }) => {
  for (const { jetstream } of Records)
    if (JSON.parse(Buffer.from(jetstream.data, 'base64')).poison) throw new Error('poison')
}
`

// Adds up orders.
import { setTimeout as wait } from 'node:timers/promises'

/** An order without items; its name and message are what the caller sees. */
class EmptyOrder extends Error {
  name = 'EmptyOrder'
}

/** Kept between the calls of one environment. */
let calls = 0

export async function total({ customer, items = [], preparationMs = 0 }, context) {
  calls += 1
  console.log(`order of ${customer}`)
  if (items.length === 0) throw new EmptyOrder(`the order of ${customer} has no items`)
  if (preparationMs > 0) await wait(preparationMs)
  return {
    customer,
    totalCents: items.reduce((sum, { quantity, priceCents }) => sum + quantity * priceCents, 0),
    runtime: `node ${process.versions.node.split('.')[0]}`,
    requestId: context.awsRequestId,
    function: context.functionName,
    call: calls,
  }
}

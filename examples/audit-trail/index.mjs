import { createHash } from 'node:crypto'

/** Writes one line per event: who did what to what, and a digest that is equal for equal events. */
export const handler = async (event, context) => {
  const { actor, action, subject, ...details } = event
  if (!actor || !action || !subject) throw new TypeError('an audit event names actor, action and subject')
  const digest = createHash('sha256').update(JSON.stringify(event)).digest('hex')
  console.log(JSON.stringify({ audit: { actor, action, subject, details, digest, requestId: context.awsRequestId } }))
  return { digest }
}

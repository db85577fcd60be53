import { err, parseCloudEventArn, subjectArn } from '@weft/contracts'
import { type EventTargets, recordAttributes, type TargetMessage } from '../targets.ts'
import { cloudEventOf } from './bus-mapping.ts'
import { binaryMessage, type CloudEvent, structuredMessage } from './cloud-event.ts'

/** Sends CloudEvents to subjects of the account that a stream of it stores. `subjects`: publishes to ARNs of subjects. */
export const cloudEventTargets = (subjects: EventTargets): EventTargets => ({
  async send(targetArn, message) {
    const arn = parseCloudEventArn(targetArn)
    if (!arn) return err({ reason: `${targetArn} is no subject for CloudEvents`, permanent: true })
    const event = eventOf(message)
    const { headers, payload } = arn.mode === 'binary' ? binaryMessage(event) : structuredMessage(event)
    const to = subjectArn(arn.region, arn.accountId, arn.subject)
    return subjects.send(to, { ...message, payload, headers: { ...message.headers, ...headers } })
  },
})

/**
 * What a message is as an event. One that was made of an event of a bus has its attributes, and what a rule made of it is
 * the data. The record of a run has those that it has on a bus. Everything else is of type `weft.message`, from the function
 * that it is about.
 */
function eventOf({ event, payload, messageId, accountId, functionName }: TargetMessage): CloudEvent {
  const text = new TextDecoder().decode(payload)
  if (event && text === JSON.stringify(event)) return cloudEventOf(event)
  const json = parsed(text)
  const data = json ? json.value : text
  const datacontenttype = json ? 'application/json' : 'text/plain'
  if (event) return { attributes: { ...cloudEventOf(event).attributes, datacontenttype }, data }
  const record = recordAttributes(json?.value)
  const own = record
    ? { source: 'lambda', type: record.type, ...(record.functionArn !== '' && { subject: record.functionArn }) }
    : { source: `/accounts/${accountId}/functions/${functionName}`, type: 'weft.message' }
  return { attributes: { specversion: '1.0', id: messageId, ...own, datacontenttype }, data }
}

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}

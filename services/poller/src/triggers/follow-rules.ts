import { type Archive, archiveArn, type EventRule } from '@weft/contracts'
import {
  archivedEvent,
  type BusDelivery,
  type Pattern,
  type Posted,
  parsePattern,
  type TriggerIndex,
  targetInput,
} from '@weft/delivery'
import { type Outgoing, senderOf } from './deliver.ts'

const patterns = new WeakMap<EventRule | Archive, Pattern | undefined>()

/** The pattern of a rule or an archive, read once for as long as the record lives; undefined where it has none. */
function patternOf(rule: EventRule | Archive): Pattern | undefined {
  if (!patterns.has(rule)) {
    const parsed = rule.eventPattern === undefined ? undefined : parsePattern(rule.eventPattern)
    patterns.set(rule, parsed?.ok ? parsed.value : undefined)
  }
  return patterns.get(rule)
}

/** EventBridge gives an event 24 hours to get into an archive. */
const archivePolicy = { maximumEventAgeSeconds: 86_400, maximumRetryAttempts: 100_000 }

type PostedEvent = Extract<Posted, { kind: 'event' }>

/** Equal for the same event alone: one that is replayed is another, also for those who had it at first. */
export const idOfPosted = ({ event }: PostedEvent): string =>
  event['replay-name'] === undefined ? event.id : `${event.id}-${event['replay-name']}`

/** What an event of a bus becomes: one thing for each target of each rule that matches it, and for each archive. */
export function* followRules(
  { triggers, region }: { readonly triggers: TriggerIndex; readonly region: string },
  posted: PostedEvent,
  { storedAtMs }: Pick<BusDelivery, 'storedAtMs'>,
): Iterable<Outgoing> {
  const { accountId, bus, event, ruleNames, traceHeader } = posted
  for (const rule of triggers.rules(accountId, bus)) {
    if (ruleNames && !ruleNames.includes(rule.name)) continue
    if (!rule.enabled || !patternOf(rule)?.matches(event)) continue
    const from = senderOf(region, rule)
    const context = { ruleArn: from.arn, ruleName: rule.name, ingestedAtMs: storedAtMs }
    for (const target of rule.targets) {
      const messageId = `${idOfPosted(posted)}-${rule.name}-${target.id}`
      yield {
        from,
        target,
        payload: targetInput(target, event, context),
        messageId,
        event,
        ...(traceHeader !== undefined && { traceHeader }),
      }
    }
  }
  // What is replayed is archived already.
  if (event['replay-name'] !== undefined) return
  for (const archive of triggers.archives(accountId, bus)) {
    if (archive.eventPattern !== undefined && !patternOf(archive)?.matches(event)) continue
    const arn = archiveArn(region, accountId, archive.name)
    yield {
      from: { accountId, name: archive.name, arn, service: 'events.amazonaws.com' },
      target: { id: archive.name, arn, ...archivePolicy },
      payload: archivedEvent(event, storedAtMs),
      messageId: `${event.id}-archive-${archive.name}`,
    }
  }
}
